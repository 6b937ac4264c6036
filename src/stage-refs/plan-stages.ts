import type { Digest } from '../oci/digest';
import { verticesOfStage } from '../engine/embedded/stage-caches';
import type { Conversion, ConvertedStage } from '../llb/conversion';
import { formatReference, withTag, type Reference } from '../oci/reference';
import type { StageRefState } from './contract';
import { findRef, type FindRefOptions, type RefPlace } from './find-ref';
import { labelOf, stageKeyOf } from './stage-inputs';
import { stageTag, type StageKey } from './stage-tags';
import type { VertexKeys } from './vertex-keys';

/** One stage with its key, and what is known of its ref. */
export interface PlannedStage {
  readonly stage: ConvertedStage;
  readonly label: string;
  readonly key: StageKey;
  /** Where it was found; else where it is to be, or would be. */
  readonly reference: Reference;
  /** Of what was found. */
  readonly digest?: Digest;
  readonly state: StageRefState;
  readonly isUnsigned: boolean;
  readonly needed: boolean;
  readonly bytes?: number;
}

export interface PlanStagesOptions extends Omit<FindRefOptions, 'verify'> {
  readonly keys: VertexKeys;
  readonly places: readonly RefPlace[];
  /** Where what is missing is to be. */
  readonly home: Reference;
}

/** Computes keys and asks for all refs at once: one request per stage that has steps, and per place. */
export function planStages(conversion: Conversion, options: PlanStagesOptions): Promise<readonly PlannedStage[]> {
  const { keys, places, home, signal, signatures } = options;
  return Promise.all(
    conversion.stages.map(async (stage): Promise<PlannedStage> => {
      const label = labelOf(stage);
      const key = await stageKeyOf(stage, keys);
      const tag = stageTag(label, key);
      const reference = withTag(home, tag);
      const planned = { stage, label, key, reference, needed: true, isUnsigned: false };
      if (!hasSteps(stage, conversion)) return { ...planned, state: 'unneeded', needed: false };
      const found = await findRef(places, tag, { verify: 'none', signatures, ...(signal && { signal }) });
      if (found.kind !== 'found') {
        return {
          ...planned,
          state: found.kind === 'missing' ? 'missing' : 'broken',
          isUnsigned: found.kind === 'unsigned',
        };
      }
      const { digest } = found.descriptor;
      return { ...planned, reference: withTag(found.place.reference, tag), digest, state: 'present' };
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
