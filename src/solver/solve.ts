import type { RecordSource } from '../cache/contract';
import type { ExportableRecord } from '../cache/exportable-record';
import type { CallOptions } from '../content/contract';
import { stoppable } from '../content/stoppable';
import type { Edge } from '../llb/operation';
import type { ProgressSink } from '../progress/event';
import type { SolverResult, Worker } from './contract';
import { buildNodes, type EdgeNode } from './edge-node';
import { Evaluator } from './evaluator';
import { ExportableKeys } from './exportable-keys';
import { RecordMatcher } from './record-matcher';
import { StepLog, type SolvedStep } from './step-log';

/** Steps that run at a time if nobody says otherwise. */
export const DEFAULT_PARALLELISM = 4;

export interface SolveOptions<R extends SolverResult> extends CallOptions {
  readonly worker: Worker<R>;
  /** Where results may be found; the first that has one wins, whatever the age of the others'. */
  readonly sources: readonly RecordSource[];
  readonly progress: ProgressSink;
  /** Default {@link DEFAULT_PARALLELISM}. */
  readonly parallelism?: number;
  /**
   * Whether records get links to other builds' ways to the same content, as in BuildKit's own store. Default false: it
   * finds little more, and a cache would tell of builds that it is not about.
   */
  readonly linkEquivalents?: boolean;
  /** Edges below the targets whose records are wanted as far as they are known; nothing is built for them. */
  readonly observed?: readonly Edge[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface SolveOutcome<R> {
  /** One per target. What is cached has not been read yet. */
  readonly results: readonly R[];
  /** One per target, for `collectExport`. */
  readonly records: readonly ExportableRecord<R>[];
  /** One per observed edge; of an edge that this build needed to know nothing of, a record without a digest. */
  readonly observed: readonly ExportableRecord<R>[];
  /** One per vertex below the targets, inputs first. */
  readonly steps: readonly SolvedStep[];
}

/**
 * Builds the targets: takes from the sources what they have and executes the rest, in parallel where the graph allows.
 * A step is neither looked at nor executed if what depends on it is cached. The first failure cancels what still runs
 * and rejects with `VERTEX_FAILED` once it has ended; an abort rejects with the signal's reason.
 */
export async function solve<R extends SolverResult>(
  targets: readonly Edge[],
  options: SolveOptions<R>,
): Promise<SolveOutcome<R>> {
  options.signal?.throwIfAborted();
  const graph = buildNodes<R>(targets);
  const matcher = new RecordMatcher<R>(options.sources);
  const steps = new StepLog(options.progress, options.now);
  const { signal, stop } = stoppable(options.signal);
  const evaluator = new Evaluator<R>({
    worker: options.worker,
    matcher,
    steps,
    progress: options.progress,
    signal,
    parallelism: options.parallelism ?? DEFAULT_PARALLELISM,
    now: options.now,
  });
  evaluator.lookup.matchDefinitions(graph.nodes);
  try {
    const settled = await Promise.all(graph.targets.map((target) => evaluator.result(target)));
    const keys = new ExportableKeys<R>(graph.nodes, options.linkEquivalents === true ? options.sources : []);
    markMatched(graph.nodes, matcher, steps);
    return {
      results: settled.map(({ result }) => result),
      records: graph.targets.map((target) => keys.of(target)),
      observed: (options.observed ?? []).map((edge) => observe(edge, { nodes: graph.nodes, matcher, keys })),
      steps: steps.report([...new Set(graph.nodes.map(({ vertex }) => vertex))]),
    };
  } catch (error) {
    stop(error);
    await evaluator.idle();
    options.signal?.throwIfAborted();
    throw error;
  }
}

/** What is known of an edge: how it was settled, else what it matched. */
function observe<R>(
  edge: Edge,
  {
    nodes,
    matcher,
    keys,
  }: {
    readonly nodes: readonly EdgeNode<R>[];
    readonly matcher: RecordMatcher<R>;
    readonly keys: ExportableKeys<R>;
  },
): ExportableRecord<R> {
  // A step that is the same for several targets has the vertex of the first of them.
  const { output, vertex } = edge;
  const node = nodes.find((each) => each.vertex.digest === vertex.digest && each.edge.output === output);
  if (node === undefined) return { digest: undefined, inputs: [] };
  const [candidate] = node.settled ? [] : matcher.candidates(node);
  return candidate ? keys.ofFound(candidate.record) : keys.of(node);
}

/** A step that was not asked for, but is known to the cache, is a hit like the one that stands on it. */
function markMatched<R>(nodes: readonly EdgeNode<R>[], matcher: RecordMatcher<R>, steps: StepLog): void {
  for (const node of nodes) {
    const source = node.isRoot || steps.has(node.vertex) ? undefined : matcher.sourceOf(node);
    if (source !== undefined) steps.complete(node.vertex, 'hit', { source });
  }
}
