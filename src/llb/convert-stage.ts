import type { ImageConfig } from '../oci/image-config';
import type { BuildState } from './build-state';
import { convertCopy } from './convert-copy';
import { convertMetadata } from './convert-metadata';
import { convertRun } from './convert-run';
import { convertWorkdir } from './convert-workdir';
import { Environment, splitEntry } from './environment';
import { withConfig, withDefaultPath } from './image-draft';
import { resolvePath } from './posix-path';
import type { StageNaming } from './stage-naming';
import { rootOf, stageLabel, type PlannedStep, type StageNode, type StageState } from './stage-node';
import type { StepContext } from './step-context';

export interface ConvertStageOptions {
  readonly build: BuildState;
  readonly naming: StageNaming;
}

/** What `--from` names is there as it is: nothing is run in it. */
export function openSource(node: StageNode): void {
  const { resolved } = node;
  if (resolved === undefined) return;
  const env = Environment.from(resolved.image.config?.Env ?? []);
  node.state = { edge: resolved.edge, env, image: resolved.image, buildArgs: [], commandGiven: false };
}

/** Converts all instructions of a stage whose base and sources have been converted. */
export function convertStage(node: StageNode, options: ConvertStageOptions): void {
  const state = initialState(node);
  const platform = rootOf(node).resolved?.platform;
  if (state === undefined || platform === undefined) return;
  for (const step of node.steps) {
    if (!sourcesAreReady(step, options.build)) continue;
    const { reporter } = options.build;
    const before = reporter.diagnostics.length;
    convertStep({ ...options, node, platform, state, step });
    if (isDoubtful(step, node, options.build)) reporter.dropFrom(before);
  }
  node.state = state;
}

/** Whether what is said about a step depends on variables that only a base image has, or that a mistake left unset. */
function isDoubtful({ instruction }: PlannedStep, node: StageNode, { check, reporter }: BuildState): boolean {
  if (check === undefined) return false;
  // The text of here-documents is in the file only.
  if (!hasVariables(instruction.source) && !hasVariables(reporter.textOf(instruction.range))) return false;
  return check.isIncomplete || rootOf(node).resolved?.baseImage !== undefined;
}

/** Whether a text of the Dockerfile may refer to variables. */
export function hasVariables(text: string): boolean {
  return text.includes('$');
}

function convertStep(context: StepContext): void {
  const { instruction } = context.step;
  switch (instruction.kind) {
    case 'RUN':
      convertRun(context, instruction);
      return;
    case 'COPY':
    case 'ADD':
      convertCopy(context, instruction);
      return;
    case 'WORKDIR':
      convertWorkdir(context, instruction);
      return;
    default:
      convertMetadata(context, instruction);
      return;
  }
}

/**
 * What a stage starts with. From a stage it inherits everything, ARGs too; the variables of the image count as set
 * again, which moves them behind the ARGs.
 */
function initialState(node: StageNode): StageState | undefined {
  const { base } = node;
  const inherited = base === undefined ? freshState(node) : base.state;
  if (inherited === undefined) return undefined;
  const image = normalizeWorkdir(withDefaultPath(withConfig(inherited.image, { OnBuild: undefined })));
  const env = (image.config?.Env ?? []).reduce((variables, entry) => {
    const { key, value } = splitEntry(entry);
    return variables.with(key, value);
  }, inherited.env);
  return { edge: inherited.edge, env, image, buildArgs: inherited.buildArgs, commandGiven: false };
}

function freshState({ resolved }: StageNode): StageState | undefined {
  return (
    resolved && {
      edge: resolved.edge,
      env: Environment.empty,
      image: resolved.image,
      buildArgs: [],
      commandGiven: false,
    }
  );
}

function normalizeWorkdir(image: ImageConfig): ImageConfig {
  const directory = image.config?.WorkingDir ?? '';
  return directory === '' ? image : withConfig(image, { WorkingDir: resolvePath(directory, directory) });
}

/** Triggers of a base image may name a stage that comes too late; the Dockerfile's own lines have been checked. */
function sourcesAreReady({ instruction, sources, onbuild }: PlannedStep, build: BuildState): boolean {
  const late = sources.find((source) => source !== undefined && source.state === undefined);
  if (late === undefined) return true;
  if (onbuild && late.stage !== undefined) {
    const message = `the base image takes from the stage "${stageLabel(late.stage)}", which must come before this one`;
    build.reporter.error({ code: 'DOCKERFILE_STAGE_ORDER', message, range: instruction.range });
  }
  return false;
}
