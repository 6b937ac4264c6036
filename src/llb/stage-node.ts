import type { Instruction, InstructionRange, Stage } from '../dockerfile/ast';
import type { ImageConfig } from '../oci/image-config';
import type { Platform } from '../oci/platform';
import type { Environment } from './environment';
import type { DraftEdge } from './graph';
import type { FoundContext } from './named-context';

/** An instruction with what its `--from` options name, in the order of the mounts for RUN. */
export interface PlannedStep {
  readonly instruction: Instruction;
  readonly sources: readonly (StageNode | undefined)[];
  /** It is a trigger of the base image, not a line of this Dockerfile. */
  readonly onbuild: boolean;
}

/** An ARG of a stage. */
export interface DeclaredArg {
  readonly key: string;
  readonly value: string | undefined;
}

/** What a stage has become after the instructions converted so far. */
export interface StageState {
  edge: DraftEdge | undefined;
  /** What RUN steps see: variables of the image and ARGs. */
  env: Environment;
  image: ImageConfig;
  buildArgs: readonly DeclaredArg[];
  /** The stage itself has a CMD, which an ENTRYPOINT after it keeps. */
  commandGiven: boolean;
}

/** A base image or named context once it is known. */
export interface ResolvedBase {
  readonly edge: DraftEdge | undefined;
  readonly image: ImageConfig;
  /** The config as it came; undefined where there was none. */
  readonly baseImage: ImageConfig | undefined;
  readonly platform: Platform;
}

/** A stage of the Dockerfile, or an image or named context that a `--from` names, while it is converted. */
export interface StageNode {
  /** The stage in the file; undefined for what only a `--from` names. */
  readonly stage: Stage | undefined;
  /** Where FROM or `--from` stands. */
  readonly range: InstructionRange;
  /** What FROM or `--from` says, expanded. */
  readonly baseName: string;
  /** The stage that it starts from, if it starts from one. */
  readonly base: StageNode | undefined;
  /** A named context that takes the stage's place. */
  readonly replacement: FoundContext | undefined;
  /** As `--platform` says; without it that of the base image. */
  readonly platform: Platform | undefined;
  readonly steps: PlannedStep[];
  /** Paths that are read from it or from the stage that it starts from; shared between both. */
  readonly usedPaths: Set<string>;
  readonly ignoreCache: boolean;
  resolved: ResolvedBase | undefined;
  triggersAdded: boolean;
  /** Undefined until it has been converted. */
  state: StageState | undefined;
}

/** How users call a stage: by its name, else `stage-N` as BuildKit's output has it. */
export function stageLabel(stage: Stage): string {
  return stage.name ?? `stage-${stage.index}`;
}

/** The stage that a chain of FROMs begins with. */
export function rootOf(node: StageNode): StageNode {
  return node.base === undefined ? node : rootOf(node.base);
}
