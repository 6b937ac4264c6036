import { Limiter } from '../content/limiter';
import { CodedError, isCodedError } from '../diagnostics/coded-error';
import { fileSystemError } from '../diagnostics/system-error';
import type { Vertex } from '../llb/operation';
import type { Digest } from '../oci/digest';
import type { ProgressSink } from '../progress/event';
import { CacheLookup } from './cache-lookup';
import { resolveSourceKey } from './cache-map';
import { ContentHasher } from './content-hash';
import type { ExecuteOptions, SolverResult, Worker } from './contract';
import type { EdgeNode, EdgeResult } from './edge-node';
import type { Candidate, RecordMatcher } from './record-matcher';
import { loadCandidate } from './result-loader';
import type { StepLog } from './step-log';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A step failed; the cause is what failed in it. */
    VERTEX_FAILED: {
      readonly vertex: Digest;
      readonly name: string;
      readonly stage: string | undefined;
      readonly line: number | undefined;
    };
  }
}

export interface EvaluatorOptions<R extends SolverResult> {
  readonly worker: Worker<R>;
  readonly matcher: RecordMatcher<R>;
  readonly steps: StepLog;
  readonly progress: ProgressSink;
  readonly signal: AbortSignal;
  /** Executions that run at a time. */
  readonly parallelism: number;
  readonly now: () => number;
}

/**
 * Gets the results of edges: from the cache if they can be found there, else by execution of the vertex, which takes the
 * results of its inputs. Everything is done once, however many ask; what nobody asks for is not done.
 */
export class Evaluator<R extends SolverResult> {
  readonly lookup: CacheLookup<R>;
  readonly #results = new Map<EdgeNode<R>, Promise<EdgeResult<R>>>();
  readonly #usable = new Map<EdgeNode<R>, Promise<R>>();
  readonly #contents = new Map<string, Promise<Digest>>();
  readonly #executions = new Map<Vertex, Promise<readonly R[]>>();
  readonly #hashers = new Map<string, Promise<ContentHasher>>();
  readonly #slots: Limiter;

  constructor(private readonly options: EvaluatorOptions<R>) {
    this.#slots = new Limiter(options.parallelism);
    this.lookup = new CacheLookup({
      ...options,
      computeContent: (node, input) => this.#content(node, input),
    });
  }

  /** Ends when no execution runs any more, whatever became of them. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#executions.values());
  }

  /** The result of an edge. If it is cached, its layers were seen but maybe not read. */
  result(node: EdgeNode<R>): Promise<EdgeResult<R>> {
    return once(this.#results, node, async () => {
      await Promise.resolve();
      const settled = await this.#asStep(node.vertex, () => this.#settle(node));
      node.settled = settled;
      return settled;
    });
  }

  async #settle(node: EdgeNode<R>): Promise<EdgeResult<R>> {
    for (;;) {
      this.options.signal.throwIfAborted();
      // Base images, contexts and the like have keys, but no results of their own in a cache.
      if (node.isRoot) return this.#execute(node);
      await this.lookup.lookUp(node, 'result');
      const [candidate] = this.options.matcher.candidates(node);
      if (candidate === undefined) return this.#execute(node);
      const result = await this.#load(node, candidate);
      if (result !== undefined) return { result, origin: { kind: 'hit', ...candidate } };
      this.lookup.forget(node);
    }
  }

  /** The result of a hit, or undefined if it turned out to be none. */
  async #load(node: EdgeNode<R>, candidate: Candidate): Promise<R | undefined> {
    const { worker, signal, steps, matcher } = this.options;
    const isReported = steps.isComplete(node.vertex);
    if (!steps.has(node.vertex)) steps.start(node.vertex);
    try {
      const result = await loadCandidate(candidate, worker, { signal, description: node.vertex.name });
      if (result === undefined) matcher.reject(candidate.found);
      else if (!isReported) steps.complete(node.vertex, 'hit', { source: candidate.source });
      return result;
    } catch (error) {
      signal.throwIfAborted();
      this.#rejectCandidate(node, candidate, error);
      return undefined;
    }
  }

  /** The result of an edge with its bytes at hand, to be read or executed upon. */
  #usableResult(node: EdgeNode<R>): Promise<R> {
    return once(this.#usable, node, async () => {
      for (;;) {
        const { result, origin } = await this.result(node);
        if (origin.kind === 'executed') return result;
        try {
          await this.#prepare(result);
          return result;
        } catch (error) {
          this.options.signal.throwIfAborted();
          this.#rejectCandidate(node, origin, error);
          this.lookup.forget(node);
          this.#results.delete(node);
        }
      }
    });
  }

  /** The usable result of an input of a vertex that is going to be executed. */
  async #expectedResult({ vertex }: EdgeNode<R>, input: EdgeNode<R>, index: number): Promise<R> {
    const { worker } = this.options;
    if (worker.expect) worker.expect(vertex, index, (await this.result(input)).result);
    return this.#usableResult(input);
  }

  async #prepare(result: R): Promise<void> {
    const { worker } = this.options;
    if (worker.prepare) await worker.prepare(result, this.#executeOptions());
    else await result.tree({ signal: this.options.signal });
  }

  /** BuildKit fails the build where a registry lost a layer; here the step is simply built again. */
  #rejectCandidate(node: EdgeNode<R>, candidate: Candidate, error: unknown): void {
    this.options.matcher.reject(candidate.found);
    this.options.progress({
      kind: 'warning',
      code: 'CACHED_RESULT_UNUSABLE',
      message: `the cached result of "${node.vertex.name}" cannot be used and is built again: ${messageOf(error)}`,
      vertex: node.vertex.digest,
    });
  }

  async #execute(node: EdgeNode<R>): Promise<EdgeResult<R>> {
    const [results] = await Promise.all([
      once(this.#executions, node.vertex, () => this.#executeVertex(node)),
      this.#completeSourceKey(node),
    ]);
    const result = results[node.edge.output];
    if (result === undefined) throw new Error(`"${node.vertex.name}" has no output ${node.edge.output}`);
    return { result, origin: { kind: 'executed', createdAt: new Date(this.options.now()).toISOString() } };
  }

  /** A download or a checkout gets its key late; without one, nothing built on it could be exported. */
  async #completeSourceKey(node: EdgeNode<R>): Promise<void> {
    if (!node.isRoot || node.recordDigests.length > 0) return;
    const key = await resolveSourceKey(node.vertex, this.options.worker, { signal: this.options.signal });
    if (key !== undefined && node.recordDigests.length === 0) node.addKey(key);
  }

  async #executeVertex(node: EdgeNode<R>): Promise<readonly R[]> {
    const { vertex } = node;
    const { worker, signal, steps } = this.options;
    // The keys by content are computed before the step runs, as it is they that say a source does not exist.
    const contents = node.map.inputs.flatMap(({ content }, input) => (content ? [this.#content(node, input)] : []));
    const [inputs] = await Promise.all([
      Promise.all(node.inputs.map((input, index) => this.#expectedResult(node, input, index))),
      Promise.all(contents),
    ]);
    return this.#slots.run(async () => {
      steps.start(vertex);
      const results = await worker.execute(vertex, inputs, this.#executeOptions());
      steps.complete(vertex, 'executed');
      return results;
    }, signal);
  }

  /** The content-based key of an input. */
  #content(node: EdgeNode<R>, input: number): Promise<Digest> {
    return once(this.#contents, `${input} ${node.vertex.digest}`, () =>
      this.#asStep(node.vertex, async () => {
        const source = node.inputs[input];
        const selectors = node.map.inputs[input]?.content;
        if (source === undefined || selectors === undefined) throw new Error(`input ${input} has no key by content`);
        const hasher = await this.#hasher(source);
        try {
          const digest = await hasher.digest(selectors, { signal: this.options.signal });
          node.contentDigests.set(input, digest);
          return digest;
        } catch (error) {
          if (!isCodedError(error, 'CONTENT_NOT_FOUND')) throw error;
          const message =
            `failed to compute cache key: failed to calculate checksum of ref "${source.vertex.name}": ` +
            error.message;
          const hint =
            'paths start at the root of what is copied from; in a build context, .dockerignore may hide them';
          throw new CodedError('CONTENT_NOT_FOUND', message, error.detail, { cause: error, hint });
        }
      }),
    );
  }

  async #hasher(node: EdgeNode<R>): Promise<ContentHasher> {
    const result = await this.#usableResult(node);
    return once(this.#hashers, result.id, async () => {
      const tree = await result.tree({ signal: this.options.signal });
      return new ContentHasher(tree, { emptyRootHeader: node.vertex.operation.kind === 'local' });
    });
  }

  /** Names the step in the error, once, and tells that it failed. */
  async #asStep<T>(vertex: Vertex, task: () => Promise<T>): Promise<T> {
    const { signal, steps } = this.options;
    try {
      return await task();
    } catch (error) {
      if (signal.aborted) {
        if (steps.has(vertex)) steps.complete(vertex, 'canceled', { error: 'canceled' });
        throw error;
      }
      if (isCodedError(error, 'VERTEX_FAILED')) throw error;
      const message = messageOf(error);
      const hint = isCodedError(error) ? error.hint : fileSystemError(error)?.hint;
      steps.complete(vertex, 'failed', { error: message });
      throw new CodedError(
        'VERTEX_FAILED',
        `${vertex.name}: ${message}`,
        { vertex: vertex.digest, name: vertex.name, stage: vertex.stage, line: vertex.line },
        { cause: error, ...(hint !== undefined && { hint }) },
      );
    }
  }

  #executeOptions(): ExecuteOptions {
    return { progress: this.options.progress, signal: this.options.signal };
  }
}

/** Starts a task once per key. Its failure is kept, too: whoever comes later meets the same. */
function once<K, T>(tasks: Map<K, Promise<T>>, key: K, start: () => Promise<T>): Promise<T> {
  const known = tasks.get(key);
  if (known) return known;
  const task = start();
  tasks.set(key, task);
  // Several may wait, and none need be left when it fails.
  task.catch(() => undefined);
  return task;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
