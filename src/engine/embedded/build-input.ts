import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DirectoryStore } from '../../content/directory-store';
import { CodedError } from '../../diagnostics/coded-error';
import { hasErrors, type Diagnostic } from '../../diagnostics/diagnostic';
import type { Dockerfile } from '../../dockerfile/ast';
import { IGNORE_FILE_NAME, ignoreFileFor, parseIgnoreFile } from '../../dockerfile/ignore-file';
import { createIgnoreMatcher } from '../../dockerfile/ignore-matcher';
import { lintDockerfile } from '../../dockerfile/lint';
import { parseDockerfile } from '../../dockerfile/parse';
import type { NamedContext } from '../../llb/conversion';
import { mainContextName } from '../../llb/context-paths';
import type { Reference } from '../../oci/reference';
import { formatReference, parseReference } from '../../oci/reference';
import type { BuildRequest } from '../contract';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    /** What the user wrote cannot be built; everything that is wrong with it. */
    BUILD_INPUT_INVALID: { readonly diagnostics: readonly Diagnostic[] };
  }
}

/** Host of references that stand for an OCI layout given as a build context; no registry can have it. */
const layoutHost = 'oci-layout.invalid';

export interface LayoutContext {
  readonly directory: string;
  readonly reference: Reference;
}

/** What a build reads of the client, checked. */
export interface BuildInput {
  readonly dockerfile: Dockerfile;
  readonly excludePatterns: readonly string[];
  readonly contexts: Readonly<Record<string, NamedContext>>;
  /** Directories by the name of their source. */
  readonly directories: ReadonlyMap<string, string>;
  /** OCI layouts by the reference that stands for them. */
  readonly layouts: ReadonlyMap<string, LayoutContext>;
  /** What is wrong with the Dockerfile's syntax and with ignore files, and what the linter says. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Parses the Dockerfile and the ignore files. Mistakes in them are in the input: `readCheckedInput` fails for them. */
export async function readBuildInput(request: BuildRequest): Promise<BuildInput> {
  const { dockerfile, diagnostics } = parseDockerfile(request.dockerfile);
  const found = [...diagnostics, ...lint(dockerfile)];
  const ignoreFile = await readIgnoreFile(
    [ignoreFileFor(request.dockerfile.path), join(request.context, IGNORE_FILE_NAME)],
    found,
  );
  const read = (file: IgnoreFile | undefined): readonly string[] => {
    if (!file) return [];
    const patterns = parseIgnoreFile(file.text);
    found.push(...createIgnoreMatcher(patterns, file.path).diagnostics);
    return patterns;
  };
  const excludePatterns = read(ignoreFile);
  const directories = new Map([[mainContextName, request.context]]);
  const layouts = new Map<string, LayoutContext>();
  const contexts: Record<string, NamedContext> = {};
  for (const [name, context] of Object.entries(request.buildContexts)) {
    switch (context.type) {
      case 'directory':
        directories.set(name, context.directory);
        contexts[name] = {
          kind: 'local',
          excludePatterns: read(await readIgnoreFile([join(context.directory, IGNORE_FILE_NAME)], found)),
        };
        break;
      case 'image':
        contexts[name] = { kind: 'image', reference: formatReference(context.reference) };
        break;
      case 'oci-layout': {
        const reference = layoutReference(layouts.size, context);
        layouts.set(formatReference(reference), { directory: context.directory, reference });
        contexts[name] = { kind: 'image', reference: formatReference(reference) };
      }
    }
  }
  return { dockerfile, excludePatterns, contexts, directories, layouts, diagnostics: found };
}

/** The store of a reference that stands for an OCI layout. */
export function layoutStore(input: BuildInput, reference: Reference): DirectoryStore | undefined {
  const layout = input.layouts.get(formatReference(reference));
  return layout && new DirectoryStore(layout.directory);
}

/** Throws `BUILD_INPUT_INVALID` if there is an error among the diagnostics. */
export function failOnErrors(diagnostics: readonly Diagnostic[]): void {
  if (!hasErrors(diagnostics)) return;
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  const file = first?.location?.file;
  throw new CodedError(
    'BUILD_INPUT_INVALID',
    `${file ?? 'the build'} has ${errors.length} ${errors.length === 1 ? 'mistake' : 'mistakes'}`,
    { diagnostics },
  );
}

/** Without the rule for undefined variables, unless it is an error: the conversion warns of them, and knows the base. */
function lint(dockerfile: Dockerfile): readonly Diagnostic[] {
  return lintDockerfile(dockerfile).filter(
    ({ code, severity }) => code !== 'DOCKERFILE_UNDEFINED_VAR' || severity === 'error',
  );
}

interface IgnoreFile {
  readonly path: string;
  readonly text: string;
}

/** The first of the files that exists. What is there and is no file is a mistake: a pipe would be waited for without end. */
async function readIgnoreFile(paths: readonly string[], diagnostics: Diagnostic[]): Promise<IgnoreFile | undefined> {
  for (const path of paths) {
    try {
      if ((await stat(path)).isFile()) return { path, text: await readFile(path, 'utf8') };
      const message = `${path} is not a file`;
      diagnostics.push({ code: 'IGNORE_FILE', severity: 'error', message, location: { file: path } });
      return undefined;
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  return undefined;
}

function layoutReference(index: number, context: { readonly tag?: string; readonly digest?: string }): Reference {
  const tag = context.tag ?? 'latest';
  const digest = context.digest === undefined ? '' : `@${context.digest}`;
  return parseReference(`${layoutHost}/context-${index}:${tag}${digest}`);
}
