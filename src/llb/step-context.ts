import type { Instruction } from '../dockerfile/ast';
import type { Platform } from '../oci/platform';
import type { BuildState } from './build-state';
import type { ExpansionContext } from './expansion';
import { withHistory } from './image-draft';
import type { StageNaming } from './stage-naming';
import { rootOf, type PlannedStep, type StageNode, type StageState } from './stage-node';

/** What converting one instruction needs, and what it may change: `state`, and the counters behind `naming`. */
export interface StepContext {
  readonly build: BuildState;
  readonly naming: StageNaming;
  readonly node: StageNode;
  readonly platform: Platform;
  readonly state: StageState;
  readonly step: PlannedStep;
}

export function expansionOf({ build, state }: StepContext, instruction: Instruction): ExpansionContext {
  return {
    env: state.env,
    escape: build.settings.escape,
    reporter: build.reporter,
    range: instruction.range,
    declared: new Set(state.buildArgs.map((arg) => arg.key)),
  };
}

/** The working directory; `/` unless one was set. */
export function workingDirectory(state: StageState): string {
  const directory = state.image.config?.WorkingDir;
  return directory === undefined || directory === '' ? '/' : directory;
}

/** Adds a history entry. */
export function commit(context: StepContext, createdBy: string, kind: 'layer' | 'metadata'): void {
  const { state, build } = context;
  state.image = withHistory(state.image, createdBy, {
    hasLayer: kind === 'layer',
    created: build.settings.fixedTime,
  });
}

/** The name of a step's vertex. */
export function stepName({ naming, node, state, step }: StepContext, text: string): string {
  return naming.name(node, (step.onbuild ? 'ONBUILD ' : '') + text, state.env);
}

/** Whether nobody has looked at the image that the stage starts from, so that what is in it cannot be said. */
export function isBaseUnknown({ build, node }: StepContext): boolean {
  return build.check !== undefined && rootOf(node).resolved?.baseImage !== undefined;
}
