import type { SolvedStep } from '../../solver/step-log';
import type { StepReport } from '../contract';

/** The steps of a build for its table; `downloads` has the bytes by the name of the vertex. */
export function stepReports(
  steps: readonly SolvedStep[],
  downloads: ReadonlyMap<string, number>,
): readonly StepReport[] {
  return steps.map(({ vertex, outcome, source, durationMs }) => ({
    vertex: vertex.digest,
    name: vertex.name,
    outcome,
    durationMs,
    bytes: downloads.get(vertex.name) ?? 0,
    ...(vertex.stage !== undefined && { stage: vertex.stage }),
    ...(source !== undefined && { source }),
  }));
}
