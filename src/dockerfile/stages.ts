import { nearestWord } from '../diagnostics/nearest-word';
import type { Diagnostic } from '../diagnostics/diagnostic';
import type { Dockerfile, Instruction, InstructionRange, Stage } from './ast';
import { escapeCharacter } from './directives';
import { processWord, type Variables } from './expand';
import { parseOnbuildTrigger } from './onbuild-trigger';
import { didYouMean, toDiagnostic, type Problem } from './problem';
import { SourceFile } from './source-file';
import type { ResolvedStage, StageDependency, StageGraphResult, StageSource } from './stage-graph';

/** The base without any files. */
const SCRATCH = 'scratch';

export interface ResolveStagesOptions {
  /** What FROM may refer to: `resolveGlobalArgs`. */
  readonly globalArgs: Variables;
  /** Named contexts of the build, in lower case; a stage of such a name is replaced by the context. */
  readonly namedContexts?: ReadonlySet<string>;
}

/**
 * Finds out what every stage is built from. A FROM sees the stages above it; `COPY --from` and the `from` of a mount see
 * all of them by name, without case, and COPY by number too. Of stages of one name the last counts. Whatever is no stage
 * is an image. That a stage comes too late, and cycles, is found by `selectStages`, as unused stages may do it.
 */
export function resolveStages(dockerfile: Dockerfile, options: ResolveStagesOptions): StageGraphResult {
  return new StageResolver(dockerfile, options).resolve();
}

class StageResolver {
  readonly #diagnostics: Diagnostic[] = [];
  readonly #file: SourceFile;
  readonly #escape: string;
  /** Index by name, of all stages. */
  readonly #byName = new Map<string, number>();

  constructor(
    private readonly dockerfile: Dockerfile,
    private readonly options: ResolveStagesOptions,
  ) {
    this.#file = new SourceFile(dockerfile.path, dockerfile.text);
    this.#escape = escapeCharacter(dockerfile.directives);
    for (const { name, index } of dockerfile.stages) if (name !== undefined) this.#byName.set(name, index);
  }

  resolve(): StageGraphResult {
    const earlier = new Map<string, number>();
    const stages: ResolvedStage[] = [];
    for (const stage of this.dockerfile.stages) {
      stages.push(this.#stage(stage, earlier));
      if (stage.name !== undefined) earlier.set(stage.name, stage.index);
    }
    return { graph: { stages }, diagnostics: this.#diagnostics };
  }

  #stage(stage: Stage, earlier: ReadonlyMap<string, number>): ResolvedStage {
    const { name, index } = stage;
    const displayName = name ?? `stage-${index}`;
    if (name !== undefined && this.options.namedContexts?.has(name) === true) {
      return { stage, displayName, base: { kind: 'context', name }, triggers: [], dependencies: [] };
    }
    const base = this.#base(stage, earlier);
    const platform = stage.platform === undefined ? undefined : this.#expand(stage, '--platform', stage.platform);
    const triggers = base.kind === 'stage' ? this.#triggers(base.index, stage.range) : [];
    const dependencies = [...triggers, ...stage.instructions].flatMap((instruction) => this.#dependencies(instruction));
    return { stage, displayName, base, triggers, dependencies, ...(platform === undefined ? {} : { platform }) };
  }

  #base(stage: Stage, earlier: ReadonlyMap<string, number>): StageSource {
    const reference = this.#expand(stage, 'the base', stage.base) ?? SCRATCH;
    const index = earlier.get(reference);
    if (index !== undefined) return { kind: 'stage', index };
    if (reference === SCRATCH) return { kind: 'scratch' };
    const lower = reference.toLowerCase();
    if (lower !== reference && earlier.has(lower)) {
      const message = `FROM "${reference}" names no stage: names of stages are kept in lower case`;
      this.#report({ code: 'DOCKERFILE_STAGE_REFERENCE', message, ...didYouMean(lower) }, stage.range);
    } else {
      const later = this.#byName.get(reference);
      if (later !== undefined && later > stage.index) {
        const message = `"${reference}" is a stage further down, so FROM takes an image of that name`;
        const hint = 'move the stage up';
        this.#report({ code: 'DOCKERFILE_STAGE_ORDER', severity: 'warning', message, hint }, stage.range);
      } else this.#warnAboutSlip(reference, earlier.keys(), stage.range);
    }
    return { kind: 'image', reference };
  }

  /** A value of FROM with its variables; undefined, and reported, where that fails or leaves nothing. */
  #expand(stage: Stage, what: string, text: string): string | undefined {
    const expansion = processWord(text, this.options.globalArgs, { escape: this.#escape });
    if (expansion.kind === 'expanded' && expansion.value !== '') return expansion.value;
    if (text === '') return undefined;
    const reason = expansion.kind === 'failed' ? expansion.message : 'nothing is left of it';
    const message = `cannot expand ${what} "${text}" of FROM: ${reason}`;
    const unset = [...expansion.unmatched].join(', ');
    const hint = unset === '' ? {} : { hint: `declare ARG ${unset} before the first FROM, with a default` };
    this.#report({ code: 'DOCKERFILE_EXPANSION', message, ...hint }, stage.range);
    return undefined;
  }

  #triggers(base: number, range: InstructionRange): readonly Instruction[] {
    const { instructions = [] } = this.dockerfile.stages[base] ?? {};
    return instructions.flatMap((instruction) => {
      if (instruction.kind !== 'ONBUILD') return [];
      const trigger = parseOnbuildTrigger(instruction.expression, { path: this.dockerfile.path, range });
      this.#diagnostics.push(...trigger.diagnostics);
      return trigger.instruction === undefined ? [] : [trigger.instruction];
    });
  }

  #dependencies(instruction: Instruction): StageDependency[] {
    if (instruction.kind === 'COPY' && instruction.from !== undefined) {
      const source = this.#copySource(instruction.from, instruction.range);
      return source === undefined ? [] : [{ instruction, source }];
    }
    if (instruction.kind !== 'RUN') return [];
    return instruction.mounts.flatMap(({ from = '' }, mount) =>
      from === '' ? [] : [{ instruction, mount, source: this.#named(from, instruction.range) }],
    );
  }

  #copySource(from: string, range: InstructionRange): StageSource | undefined {
    const literal = processWord(from, new Map());
    if (literal.kind === 'failed' || literal.value !== from) {
      const message = `COPY --from="${from}": variables, quotes and escapes are not expanded here`;
      const hint = 'name a stage: FROM $image AS name, then --from=name';
      this.#report({ code: 'DOCKERFILE_STAGE_REFERENCE', message, hint }, range);
      return undefined;
    }
    if (!/^[+-]?\d+$/.test(from)) return this.#named(from, range);
    const index = Number(from);
    const count = this.dockerfile.stages.length;
    if (index >= 0 && index < count) return { kind: 'stage', index };
    const message = `COPY --from=${from}: there is no stage of that number`;
    const hint = `stages are numbered from 0 to ${count - 1}`;
    this.#report({ code: 'DOCKERFILE_STAGE_REFERENCE', message, hint }, range);
    return undefined;
  }

  #named(name: string, range: InstructionRange): StageSource {
    const index = this.#byName.get(name.toLowerCase());
    if (index !== undefined) return { kind: 'stage', index };
    if (name === SCRATCH) return { kind: 'scratch' };
    this.#warnAboutSlip(name, this.#byName.keys(), range);
    return { kind: 'image', reference: name };
  }

  /** A misspelt stage is an image to BuildKit, which then fails to pull, or pulls, something nobody meant. */
  #warnAboutSlip(name: string, stages: Iterable<string>, range: InstructionRange): void {
    if (/[/:@.]/.test(name) || this.options.namedContexts?.has(name) === true) return;
    const meant = nearestWord(name, stages);
    if (meant === undefined) return;
    const message = `"${name}" is no stage, so it is taken for an image`;
    this.#report({ code: 'DOCKERFILE_STAGE_REFERENCE', severity: 'warning', message, ...didYouMean(meant) }, range);
  }

  #report(problem: Problem, { line }: InstructionRange): void {
    this.#diagnostics.push(toDiagnostic(problem, this.#file, line, 1));
  }
}
