import type { Instruction, InstructionRange } from '../dockerfile/ast';
import { selectStages } from '../dockerfile/select-stages';
import type { ResolvedStage, StageGraph, StageSource } from '../dockerfile/stage-graph';
import { resolveStages } from '../dockerfile/stages';
import { parsePlatform, type Platform } from '../oci/platform';
import { findNamedContext } from './named-context';
import type { Reporter } from './reporter';
import type { Settings } from './settings';
import type { PlannedStep, StageNode } from './stage-node';

/** Every stage of the Dockerfile, and what their `--from` options name. */
export interface StagePlan {
  /** In the Dockerfile's order. */
  readonly stages: readonly StageNode[];
  /** Undefined where there is no such stage. */
  readonly target: StageNode | undefined;
  /** There is only one stage and nothing beside it, so vertices are not named after it. */
  readonly isSingleStage: boolean;
}

/** Makes a node of each stage and links it to what it starts from and takes files from. */
export function planStages(settings: Settings, reporter: Reporter): StagePlan {
  const { dockerfile, target } = settings.request;
  const replaced = dockerfile.stages.flatMap(({ name }) => {
    return name !== undefined && findContext(name, undefined, settings) !== undefined ? [name] : [];
  });
  const { graph, diagnostics } = resolveStages(dockerfile, {
    globalArgs: settings.globalArgs,
    namedContexts: new Set([...replaced, ...settings.contexts.keys()]),
  });
  const selection = selectStages(dockerfile, graph, target);
  reporter.add(diagnostics);
  reporter.add(selection.diagnostics);
  const stages: StageNode[] = [];
  for (const resolved of graph.stages) stages.push(planStage(resolved, { settings, reporter, earlier: stages }));
  graph.stages.forEach((resolved, index) => stages[index]?.steps.push(...planSteps(resolved, stages)));
  return {
    stages,
    target: selection.target && stages[selection.target.stage.index],
    isSingleStage: stages.length === 1 && !graphUsesOthers(graph),
  };
}

/** BuildKit counts what each mount mounts, even nothing, as one more stage when it decides how to name vertices. */
function graphUsesOthers({ stages }: StageGraph): boolean {
  return stages.some(
    ({ stage, dependencies }) =>
      dependencies.some(({ source }) => source.kind !== 'stage') ||
      stage.instructions.some((instruction) => instruction.kind === 'RUN' && instruction.mounts.length > 0),
  );
}

interface StageOptions {
  readonly settings: Settings;
  readonly reporter: Reporter;
  readonly earlier: readonly StageNode[];
}

function planStage({ stage, base: source, platform: platformText }: ResolvedStage, options: StageOptions): StageNode {
  const { settings, reporter, earlier } = options;
  const platform =
    platformText === undefined ? undefined : stagePlatform(platformText, { range: stage.range, settings, reporter });
  const base = source.kind === 'stage' ? earlier[source.index] : undefined;
  return {
    stage,
    range: stage.range,
    baseName: source.kind === 'image' ? source.reference : 'scratch',
    base,
    replacement: source.kind === 'context' ? findContext(source.name, platform, settings) : undefined,
    platform,
    steps: [],
    usedPaths: base?.usedPaths ?? new Set(),
    ignoreCache: settings.ignoresCache(stage.name),
    resolved: undefined,
    triggersAdded: false,
    state: undefined,
  };
}

function findContext(name: string, platform: Platform | undefined, settings: Settings): StageNode['replacement'] {
  return findNamedContext(name, { contexts: settings.contexts, platform: platform ?? settings.platform });
}

function stagePlatform(
  text: string,
  options: Pick<StageOptions, 'settings' | 'reporter'> & { readonly range: InstructionRange },
): Platform | undefined {
  const parsed = parsePlatform(text, { host: options.settings.buildPlatform });
  if (parsed.ok) return parsed.platform;
  const message = `bad --platform: ${parsed.reason}`;
  options.reporter.error({ code: 'DOCKERFILE_PLATFORM', message, range: options.range, near: '--platform' });
  return undefined;
}

/** The base stage's triggers, then the stage's own instructions. */
function planSteps(resolved: ResolvedStage, stages: readonly StageNode[]): readonly PlannedStep[] {
  if (resolved.base.kind === 'context') return [];
  const plan = (instruction: Instruction, onbuild: boolean): PlannedStep => {
    const sources: (StageNode | undefined)[] = [];
    for (const dependency of resolved.dependencies) {
      if (dependency.instruction !== instruction) continue;
      sources[dependency.mount ?? 0] = nodeOf(dependency.source, { stages, range: instruction.range });
    }
    return { instruction, sources, onbuild };
  };
  return [
    ...resolved.triggers.map((trigger) => plan(trigger, true)),
    ...resolved.stage.instructions.map((instruction) => plan(instruction, false)),
  ];
}

function nodeOf(
  source: StageSource,
  { stages, range }: { readonly stages: readonly StageNode[]; readonly range: InstructionRange },
): StageNode | undefined {
  switch (source.kind) {
    case 'stage':
      return stages[source.index];
    case 'image':
      return externalNode(source.reference, range);
    default:
      return externalNode('scratch', range);
  }
}

/** An image or a named context that is no stage. */
function externalNode(name: string, range: InstructionRange): StageNode {
  return {
    stage: undefined,
    range,
    baseName: name,
    base: undefined,
    replacement: undefined,
    platform: undefined,
    steps: [],
    usedPaths: new Set(),
    ignoreCache: false,
    resolved: undefined,
    triggersAdded: true,
    state: undefined,
  };
}

/** A trigger of a base image as a step, its `--from` looked up among all stages. */
export function planTrigger(instruction: Instruction, stages: readonly StageNode[]): PlannedStep {
  const find = (from: string | undefined): StageNode | undefined => {
    if (from === undefined || from === '') return undefined;
    const named = stages.findLast((node) => node.stage?.name === from.toLowerCase());
    return named ?? externalNode(from, instruction.range);
  };
  switch (instruction.kind) {
    case 'COPY': {
      const { from = '' } = instruction;
      const source = /^\d+$/.test(from) ? stages[Number(from)] : find(from);
      return { instruction, sources: source === undefined ? [] : [source], onbuild: true };
    }
    case 'RUN':
      return { instruction, sources: instruction.mounts.map((mount) => find(mount.from)), onbuild: true };
    default:
      return { instruction, sources: [], onbuild: true };
  }
}

/** The stages and images that `target` needs, itself among them. */
export function reachableFrom(target: StageNode): ReadonlySet<StageNode> {
  const reachable = new Set<StageNode>();
  const open = [target];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (reachable.has(node)) continue;
    reachable.add(node);
    if (node.base !== undefined) open.push(node.base);
    for (const { sources } of node.steps) for (const source of sources) if (source !== undefined) open.push(source);
  }
  return reachable;
}
