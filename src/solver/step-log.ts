import type { Vertex } from '../llb/operation';
import type { ProgressSink } from '../progress/event';

/** What became of a vertex. `not-needed`: nothing asked for it, as what depends on it was cached. */
export type SolvedOutcome = 'hit' | 'executed' | 'failed' | 'canceled' | 'not-needed';

export interface SolvedStep {
  readonly vertex: Vertex;
  readonly outcome: SolvedOutcome;
  /** For a hit: the name of the source. */
  readonly source?: string;
  readonly durationMs: number;
}

interface Running {
  readonly started: number;
  readonly outcome?: SolvedOutcome;
  readonly source?: string;
  readonly completed?: number;
}

/** Tells the progress of vertices, and remembers it for the report. Times come from the clock that it is given. */
export class StepLog {
  readonly #steps = new Map<Vertex, Running>();

  constructor(
    private readonly progress: ProgressSink,
    private readonly now: () => number,
  ) {}

  /** A step may start again, if what it took from the cache turns out to be unusable. */
  start(vertex: Vertex): void {
    const started = this.now();
    this.#steps.set(vertex, { started });
    this.#emit(vertex, { started });
  }

  complete(
    vertex: Vertex,
    outcome: SolvedOutcome,
    details: { readonly source?: string; readonly error?: string } = {},
  ): void {
    if (outcome === 'canceled' && this.isComplete(vertex)) return;
    const completed = this.now();
    const started = this.#steps.get(vertex)?.started ?? completed;
    this.#steps.set(vertex, {
      started,
      completed,
      outcome,
      ...(details.source !== undefined && { source: details.source }),
    });
    this.#emit(vertex, {
      started,
      completed,
      ...(outcome === 'hit' && { cached: true }),
      ...(details.error !== undefined && { error: details.error }),
    });
  }

  has(vertex: Vertex): boolean {
    return this.#steps.has(vertex);
  }

  isComplete(vertex: Vertex): boolean {
    return this.#steps.get(vertex)?.outcome !== undefined;
  }

  /** One line per vertex. What is still running counts as canceled. */
  report(vertices: readonly Vertex[]): readonly SolvedStep[] {
    return vertices.map((vertex): SolvedStep => {
      const step = this.#steps.get(vertex);
      if (step === undefined) return { vertex, outcome: 'not-needed', durationMs: 0 };
      return {
        vertex,
        outcome: step.outcome ?? 'canceled',
        durationMs: (step.completed ?? this.now()) - step.started,
        ...(step.source !== undefined && { source: step.source }),
      };
    });
  }

  #emit(vertex: Vertex, state: { started: number; completed?: number; cached?: boolean; error?: string }): void {
    const inputs = [...new Set(vertex.inputs.map((input) => input.vertex.digest))];
    this.progress({ kind: 'vertex', digest: vertex.digest, name: vertex.name, inputs, ...state });
  }
}
