import type { Diagnostic } from '../diagnostics/diagnostic';
import type { Instruction, Stage } from './ast';

/** Where the files of a FROM, a `COPY --from` or a mount's `from` come from. */
export type StageSource =
  | { readonly kind: 'stage'; readonly index: number }
  /** An image, or a named context of that name. */
  | { readonly kind: 'image'; readonly reference: string }
  | { readonly kind: 'scratch' }
  /** A named context that stands in for the stage. */
  | { readonly kind: 'context'; readonly name: string };

/** An instruction that takes files from elsewhere. */
export interface StageDependency {
  readonly instruction: Instruction;
  /** Which mount of a RUN; undefined for COPY. */
  readonly mount?: number;
  readonly source: StageSource;
}

/** A stage whose names are resolved. */
export interface ResolvedStage {
  readonly stage: Stage;
  /** Its name, or `stage-N`. */
  readonly displayName: string;
  readonly base: StageSource;
  /** Expanded `--platform`. */
  readonly platform?: string;
  /** What the base stage's ONBUILD wants to run first. */
  readonly triggers: readonly Instruction[];
  /** Of the triggers and the stage's own instructions. */
  readonly dependencies: readonly StageDependency[];
}

export interface StageGraph {
  readonly stages: readonly ResolvedStage[];
}

export interface StageGraphResult {
  readonly graph: StageGraph;
  readonly diagnostics: readonly Diagnostic[];
}

/** The stages that `stage` takes something from, its base first. */
export function neighbours({ base, dependencies }: ResolvedStage): number[] {
  const sources = [base, ...dependencies.map(({ source }) => source)];
  return sources.flatMap((source) => (source.kind === 'stage' ? [source.index] : []));
}

/** Every stage that the stage at `index` needs, itself included. */
export function reachableStages({ stages }: StageGraph, index: number): ReadonlySet<number> {
  const reached = new Set<number>();
  const pending = [index];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const stage = stages[next];
    if (stage === undefined || reached.has(next)) continue;
    reached.add(next);
    pending.push(...neighbours(stage));
  }
  return reached;
}
