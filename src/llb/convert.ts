import { hasErrors } from '../diagnostics/diagnostic';
import { nearestWord } from '../diagnostics/nearest-word';
import { parseOnbuildTrigger } from '../dockerfile/onbuild-trigger';
import type { ImageConfig } from '../oci/image-config';
import type { BuildState } from './build-state';
import { ContextPaths } from './context-paths';
import type { Conversion, ConvertedStage, ConvertOptions, ConvertRequest } from './conversion';
import { convertStage, hasVariables, openSource } from './convert-stage';
import { GraphBuilder, GraphFreezer } from './graph';
import { withConfig } from './image-draft';
import type { Edge, LocalSource, Vertex } from './operation';
import { planStages, planTrigger, reachableFrom, type StagePlan } from './plan-stages';
import { Reporter } from './reporter';
import { BaseResolver } from './resolve-bases';
import { resolveSettings } from './settings';
import { StageNaming } from './stage-naming';
import { rootOf, type StageNode } from './stage-node';

/**
 * Converts a Dockerfile to the graph of operations that BuildKit's Dockerfile frontend would make of it
 * (`frontend/dockerfile/dockerfile2llb`), so that both have the same cache keys. Only what the target needs is converted
 * and resolved. Mistakes of the user come back as diagnostics, those that need no registry before any image is resolved.
 *
 * @throws CodedError `BASE_IMAGE_UNRESOLVED` if a base image cannot be had.
 */
export async function convertDockerfile(request: ConvertRequest, options: ConvertOptions): Promise<Conversion> {
  const reporter = new Reporter(request.dockerfile);
  const settings = resolveSettings(request, reporter);
  const plan = planStages(settings, reporter);
  const { target } = plan;
  const { check } = options;
  if (check?.isIncomplete) reporter.dropFrom(0, ({ location }) => hasVariables(location?.lineText ?? ''));
  if (target === undefined || (!check && hasErrors(reporter.diagnostics))) return failed(reporter);
  const build: BuildState = {
    settings,
    reporter,
    graph: new GraphBuilder(),
    contextPaths: new ContextPaths(),
    ...(check && { check }),
  };
  const naming = new StageNaming({
    isSingleStage: plan.isSingleStage,
    showPlatforms: request.multiPlatform ?? false,
    targetPlatform: settings.platform,
  });
  const names = plan.stages.flatMap((node) => node.stage?.name ?? []);
  const bases = new BaseResolver({ build, convert: options, naming, suggest: (name) => nearestWord(name, names) });
  const reachable = await resolveReachable(target, { bases, build, plan });
  for (const node of reachable) if (node.stage === undefined || node.replacement !== undefined) openSource(node);
  const needed = plan.stages.filter((node) => reachable.has(node));
  for (const node of needed) if (node.replacement === undefined) convertStage(node, { build, naming });
  if (hasErrors(reporter.diagnostics)) return failed(reporter);
  target.usedPaths.add('/');
  return finish({ build, needed, target });
}

function failed(reporter: Reporter): Conversion {
  return { stages: [], localSources: [], diagnostics: reporter.diagnostics };
}

interface ReachableOptions {
  readonly bases: BaseResolver;
  readonly build: BuildState;
  readonly plan: StagePlan;
}

/** Resolves what the target needs. Triggers of a base image may need more, so this repeats until they do not. */
async function resolveReachable(target: StageNode, options: ReachableOptions): Promise<ReadonlySet<StageNode>> {
  for (;;) {
    const reachable = reachableFrom(target);
    await options.bases.resolve(reachable);
    let added = false;
    for (const node of reachable) added = addImageTriggers(node, options) || added;
    if (!added) return reachable;
  }
}

/** Puts the triggers of a stage's base image before its instructions; tells whether there were any. */
function addImageTriggers(node: StageNode, { build, plan }: ReachableOptions): boolean {
  const { resolved } = node;
  const triggers = resolved?.image.config?.OnBuild ?? [];
  if (resolved === undefined || node.triggersAdded || node.replacement !== undefined) return false;
  node.triggersAdded = true;
  node.resolved = { ...resolved, image: withConfig(resolved.image, { OnBuild: undefined }) };
  const { path } = build.settings.request.dockerfile;
  const steps = triggers.flatMap((expression) => {
    const { instruction, diagnostics } = parseOnbuildTrigger(expression, { path, range: node.range });
    build.reporter.add(diagnostics);
    return instruction === undefined ? [] : [planTrigger(instruction, plan.stages)];
  });
  node.steps.unshift(...steps);
  return steps.length > 0;
}

function finish(options: {
  readonly build: BuildState;
  readonly needed: readonly StageNode[];
  readonly target: StageNode;
}): Conversion {
  const { build, needed, target } = options;
  const { settings, contextPaths, reporter } = build;
  const freezer = new GraphFreezer((source) => contextPaths.finish(source));
  const root = freezer.freeze(target.state?.edge);
  const byNode = new Map(needed.map((node) => [node, convertedStage(node, { freezer, build })]));
  const converted = byNode.get(target);
  return {
    ...(root !== undefined && { root }),
    stages: [...byNode.values()],
    ...(converted !== undefined && { target: converted }),
    localSources: collectLocalSources(root),
    ...(settings.sourceDateEpoch !== undefined && { sourceDateEpoch: settings.sourceDateEpoch }),
    diagnostics: reporter.diagnostics,
  };
}

function convertedStage(
  node: StageNode,
  { freezer, build }: { readonly freezer: GraphFreezer; readonly build: BuildState },
): ConvertedStage {
  const edge = freezer.freeze(node.state?.edge);
  const { name, index = 0 } = node.stage ?? {};
  const { resolved } = rootOf(node);
  const { platform } = build.settings;
  const image = node.state?.image ?? resolved?.image;
  if (image === undefined) throw new Error(`the stage ${index} was not converted`);
  const baseImage = resolved?.baseImage;
  return {
    ...(name !== undefined && { name }),
    index,
    ...(edge !== undefined && { edge }),
    platform: resolved?.platform ?? platform,
    image: finishImage(image, build),
    ...(baseImage !== undefined && { baseImage }),
  };
}

/** The image is for the target platform whatever its base said, and has the labels that the build asks for. */
function finishImage(image: ImageConfig, { settings }: BuildState): ImageConfig {
  const { platform, request } = settings;
  const { variant, 'os.version': osVersion, 'os.features': osFeatures, ...rest } = image;
  const isSame = image.os === platform.os && image.architecture === platform.architecture;
  const kept = isSame ? { variant, 'os.version': osVersion, 'os.features': osFeatures } : {};
  const given = { ...kept, ...platform };
  const finished = Object.fromEntries(
    Object.entries({ ...rest, ...given }).filter(([, value]) => value !== undefined),
  ) as unknown as ImageConfig;
  const labels = request.labels ?? {};
  if (Object.keys(labels).length === 0) return finished;
  return withConfig(finished, { Labels: { ...finished.config?.Labels, ...labels } });
}

function collectLocalSources(root: Edge | undefined): readonly LocalSource[] {
  const seen = new Set<Vertex>();
  const sources: LocalSource[] = [];
  const visit = (vertex: Vertex): void => {
    if (seen.has(vertex)) return;
    seen.add(vertex);
    if (vertex.operation.kind === 'local') sources.push(vertex.operation);
    for (const input of vertex.inputs) visit(input.vertex);
  };
  if (root !== undefined) visit(root.vertex);
  return sources;
}
