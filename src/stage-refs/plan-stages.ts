import type { CallOptions, ContentStore } from '../content/contract';
import { verticesOfStage } from '../engine/embedded/stage-caches';
import type { Conversion, ConvertedStage } from '../llb/conversion';
import { formatReference, withTag, type Reference } from '../oci/reference';
import type { StageRefState } from './contract';
import { findImage } from './find-image';
import { labelOf, stageKeyOf } from './stage-inputs';
import { stageTag, type StageKey } from './stage-tags';
import type { VertexKeys } from './vertex-keys';

/** One stage with its key, and what is known of its ref. */
export interface PlannedStage {
  readonly stage: ConvertedStage;
  readonly label: string;
  readonly key: StageKey;
  readonly reference: Reference;
  readonly state: StageRefState;
  readonly needed: boolean;
  readonly bytes?: number;
}

export interface PlanStagesOptions extends CallOptions {
  readonly keys: VertexKeys;
  readonly store: ContentStore;
  readonly repository: Reference;
}

/** Computes keys and asks for all refs at once: one request per stage that has steps. */
export function planStages(conversion: Conversion, options: PlanStagesOptions): Promise<readonly PlannedStage[]> {
  const { keys, repository, store, signal } = options;
  return Promise.all(
    conversion.stages.map(async (stage): Promise<PlannedStage> => {
      const label = labelOf(stage);
      const key = await stageKeyOf(stage, keys);
      const tag = stageTag(label, key);
      const reference = withTag(repository, tag);
      const planned = { stage, label, key, reference, needed: true };
      if (!hasSteps(stage, conversion)) return { ...planned, state: 'unneeded', needed: false };
      const found = await findImage(store, tag, { verify: 'none', ...(signal && { signal }) });
      return { ...planned, state: found.kind === 'found' ? 'present' : found.kind };
    }),
  ).then((stages) => markNeeded(stages, conversion));
}

/** A stage that only names a base image or another stage has nothing of its own to keep. */
function hasSteps({ edge, index }: ConvertedStage, { stages }: Conversion): boolean {
  if (!edge || edge.vertex.inputs.length === 0) return false;
  // A stage without steps is its base stage: the earlier one has the ref.
  return !stages.some((other) => other.index < index && other.edge?.vertex === edge.vertex);
}

/** A stage is needed if the target is to be built from it: not what lies below a stage that is present. */
export function markNeeded(stages: readonly PlannedStage[], conversion: Conversion): readonly PlannedStage[] {
  const edges = stages.flatMap(({ stage }) => stage.edge ?? []);
  const needed = new Set<PlannedStage>();
  const ofVertex = new Map(
    [...stages].reverse().flatMap((planned) => (planned.stage.edge ? [[planned.stage.edge.vertex, planned]] : [])) as [
      unknown,
      PlannedStage,
    ][],
  );
  const target = conversion.root && ofVertex.get(conversion.root.vertex);
  const open = target ? [target] : [];
  for (let planned = open.pop(); planned; planned = open.pop()) {
    if (needed.has(planned)) continue;
    needed.add(planned);
    const { edge } = planned.stage;
    if (planned.state === 'present' || !edge) continue;
    for (const { inputs } of verticesOfStage(edge, edges)) {
      for (const { vertex } of inputs) {
        const below = ofVertex.get(vertex);
        if (below && below !== planned) open.push(below);
      }
    }
  }
  return stages.map((planned) => ({ ...planned, needed: planned.state !== 'unneeded' && needed.has(planned) }));
}

export function refOf({ reference }: PlannedStage): string {
  return formatReference(reference);
}
