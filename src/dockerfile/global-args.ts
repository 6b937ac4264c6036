import type { Diagnostic } from '../diagnostics/diagnostic';
import type { Dockerfile } from './ast';
import { escapeCharacter } from './directives';
import { processWord } from './expand';
import { toDiagnostic } from './problem';
import { SourceFile } from './source-file';

export interface GlobalArgsOptions {
  /** Values from the command line or the options of the target. */
  readonly buildArgs: ReadonlyMap<string, string>;
  /** `BUILDPLATFORM`, `TARGETPLATFORM`, `TARGETSTAGE` and the like, build args already applied to them. */
  readonly predefined: ReadonlyMap<string, string>;
}

export interface GlobalArgs {
  /** What FROM may refer to, and what an ARG without a default inherits in a stage. */
  readonly values: ReadonlyMap<string, string>;
  readonly diagnostics: readonly Diagnostic[];
}

/** Gives the ARGs before the first FROM their values: a build arg wins over the default, which may use earlier ones. */
export function resolveGlobalArgs(dockerfile: Dockerfile, { buildArgs, predefined }: GlobalArgsOptions): GlobalArgs {
  const values = new Map(predefined);
  const diagnostics: Diagnostic[] = [];
  const escape = escapeCharacter(dockerfile.directives);
  for (const { args, range } of dockerfile.metaArgs) {
    for (const { key, defaultValue } of args) {
      const given = buildArgs.get(key);
      if (given !== undefined) values.set(key, given);
      if (given !== undefined || defaultValue === undefined) continue;
      const expansion = processWord(defaultValue, values, { escape });
      if (expansion.kind === 'expanded') values.set(key, expansion.value);
      else {
        const message = `cannot expand the default of ARG ${key}: ${expansion.message}`;
        const file = new SourceFile(dockerfile.path, dockerfile.text);
        diagnostics.push(toDiagnostic({ code: 'DOCKERFILE_EXPANSION', message }, file, range.line, 1));
      }
    }
  }
  return { values, diagnostics };
}
