import { nearestWord } from '../diagnostics/nearest-word';
import type { Diagnostic } from '../diagnostics/diagnostic';
import type { Dockerfile } from './ast';
import { didYouMean, toDiagnostic } from './problem';
import { SourceFile } from './source-file';
import { reachableStages, type ResolvedStage, type StageDependency, type StageGraph } from './stage-graph';

export interface StageSelection {
  /** Undefined where there is no such stage. */
  readonly target?: ResolvedStage;
  /** What the target needs, itself included, in the order of the file. Unused stages are not in it. */
  readonly required: readonly ResolvedStage[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Finds the stage to build, the last one unless `target` names another (without case), and what it needs through FROM,
 * `COPY --from` and mounts. Complains about an unknown target, and about stages that need a later one or themselves.
 */
export function selectStages(dockerfile: Dockerfile, graph: StageGraph, target = ''): StageSelection {
  const { stages } = graph;
  const wanted = target.toLowerCase();
  const found = wanted === '' ? stages.at(-1) : stages.findLast(({ stage }) => stage.name === wanted);
  if (found === undefined) {
    const names = stages.flatMap(({ stage }) => stage.name ?? []);
    return { required: [], diagnostics: stages.length === 0 ? [] : [unknownTarget(dockerfile, target, names)] };
  }
  const reached = reachableStages(graph, found.stage.index);
  const required = stages.filter(({ stage }) => reached.has(stage.index));
  return { target: found, required, diagnostics: required.flatMap((stage) => lateSources(dockerfile, graph, stage)) };
}

function unknownTarget(dockerfile: Dockerfile, target: string, names: readonly string[]): Diagnostic {
  const meant = didYouMean(nearestWord(target, names)).hint;
  const hint = meant ?? (names.length === 0 ? 'no stage of the file has a name' : `stages are ${names.join(', ')}`);
  const message = `there is no stage "${target}"`;
  return { code: 'DOCKERFILE_TARGET', severity: 'error', message, hint, location: { file: dockerfile.path } };
}

/** Whatever a stage takes files from has to stand above it. */
function lateSources(dockerfile: Dockerfile, graph: StageGraph, stage: ResolvedStage): Diagnostic[] {
  const file = new SourceFile(dockerfile.path, dockerfile.text);
  return stage.dependencies.flatMap(({ instruction, source, mount }: StageDependency) => {
    if (source.kind !== 'stage' || source.index < stage.stage.index) return [];
    const late = graph.stages[source.index]?.displayName ?? '';
    const { displayName } = stage;
    const how = mount === undefined ? 'copies' : 'mounts';
    const cycle = reachableStages(graph, source.index).has(stage.stage.index);
    const code = cycle ? 'DOCKERFILE_STAGE_CYCLE' : 'DOCKERFILE_STAGE_ORDER';
    const message =
      source.index === stage.stage.index
        ? `the stage "${displayName}" ${how} from itself`
        : cycle
          ? `the stages "${displayName}" and "${late}" need each other`
          : `the stage "${displayName}" ${how} from "${late}", which comes after it`;
    const hint = cycle ? {} : { hint: `move the stage "${late}" up` };
    return [toDiagnostic({ code, message, ...hint }, file, instruction.range.line, 1)];
  });
}
