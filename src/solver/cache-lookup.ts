import type { SourceRecord } from '../cache/contract';
import type { Digest } from '../oci/digest';
import { resolveSourceKey } from './cache-map';
import type { SolverResult, Worker } from './contract';
import type { EdgeNode } from './edge-node';
import type { RecordMatcher } from './record-matcher';

/**
 * What a search is for. What depends on an edge needs to know its records only (`match`): then nothing is hashed that
 * would take executing an input which is matched already. The edge itself needs one with a `result`.
 */
export type LookupGoal = 'match' | 'result';

export interface CacheLookupOptions<R extends SolverResult> {
  readonly matcher: RecordMatcher<R>;
  readonly worker: Worker<R>;
  readonly signal: AbortSignal;
  /** Computes the content-based key of an input, which takes the input's result. */
  readonly computeContent: (node: EdgeNode<R>, input: number) => Promise<Digest>;
}

/**
 * Searches for records of edges without executing the edges: first by definition, which costs nothing, then by what takes
 * asking a worker or hashing files. Files are hashed only if a record could match by them, and of several inputs those
 * first that match nothing otherwise (BuildKit `solver/edge.go` has the same phases).
 */
export class CacheLookup<R extends SolverResult> {
  readonly #lookups: Readonly<Record<LookupGoal, Map<EdgeNode<R>, Promise<void>>>> = {
    match: new Map(),
    result: new Map(),
  };

  constructor(private readonly options: CacheLookupOptions<R>) {}

  /** Matches everything by definition. `nodes` are in order, inputs first. */
  matchDefinitions(nodes: readonly EdgeNode<R>[]): void {
    for (const node of nodes) node.matches = this.options.matcher.matchByDefinition(node);
  }

  /** Fills the node's `matches` until the goal is reached, or nothing more can be found. */
  lookUp(node: EdgeNode<R>, goal: LookupGoal): Promise<void> {
    const lookups = this.#lookups[goal];
    const known = lookups.get(node);
    if (known) return known;
    const lookup = this.#search(node, goal);
    lookups.set(node, lookup);
    return lookup;
  }

  /** Forgets that a node's results were searched for, so that the search goes on where they proved unusable. */
  forget(node: EdgeNode<R>): void {
    this.#lookups.result.delete(node);
  }

  async #search(node: EdgeNode<R>, goal: LookupGoal): Promise<void> {
    // Long chains of inputs must not pile up on the stack.
    await Promise.resolve();
    if (node.vertex.ignoreCache || this.isReached(goal, [...node.matches])) return;
    if (node.isRoot) return this.#searchRoot(node);
    const found = await new InputSearch(node, { ...this.options, lookup: this, goal }).run();
    node.matches = new Set([...node.matches, ...found]);
  }

  isReached(goal: LookupGoal, matches: readonly SourceRecord[]): boolean {
    if (goal === 'match') return matches.length > 0;
    return matches.some((record) => this.options.matcher.hasResult(record));
  }

  async #searchRoot(node: EdgeNode<R>): Promise<void> {
    if (node.matches.size > 0 || node.recordDigests.length > 1) return;
    const key = await resolveSourceKey(node.vertex, this.options.worker, { signal: this.options.signal });
    if (key === undefined) return;
    node.addKey(key);
    node.matches = this.options.matcher.matchByDefinition(node);
  }
}

/** How much was found out about an input. */
type InputStage = 'definition' | 'looked-up' | 'hashed';

/** The search for one edge: advances its inputs until a record matches in all of them, or none can any more. */
class InputSearch<R extends SolverResult> {
  readonly #stages: InputStage[];
  readonly #running = new Map<number, Promise<void>>();

  constructor(
    private readonly node: EdgeNode<R>,
    private readonly options: CacheLookupOptions<R> & {
      readonly lookup: CacheLookup<R>;
      readonly goal: LookupGoal;
    },
  ) {
    this.#stages = node.inputs.map(() => 'definition');
    for (const input of node.contentDigests.keys()) this.#stages[input] = 'hashed';
  }

  async run(): Promise<readonly SourceRecord[]> {
    const { matcher, lookup, goal } = this.options;
    const records = matcher.recordsOf(this.node);
    for (;;) {
      const states = records.map((record) => ({
        record,
        inputs: record.inputs.map((links, input) =>
          matcher.inputState(this.node, input, links, {
            lookup: this.#stages[input] === 'definition',
            content: this.#stages[input] !== 'hashed' && this.#canHash(input),
          }),
        ),
      }));
      const possible = states.filter(({ inputs }) => !inputs.includes('no'));
      const full = possible.filter(({ inputs }) => inputs.every((state) => state === 'yes'));
      const matches = full.map(({ record }) => record);
      if (possible.length === 0 || lookup.isReached(goal, matches)) return matches;
      const idle = this.#stages.flatMap((_, input) => (this.#canAdvance(input) ? [input] : []));
      const unmatched = idle.filter((input) => possible.every(({ inputs }) => inputs[input] !== 'yes'));
      if (unmatched.length > 0) unmatched.forEach((input) => this.#advance(input));
      else if (this.#running.size === 0) idle.forEach((input) => this.#advance(input));
      if (this.#running.size === 0) return matches;
      await Promise.race(this.#running.values());
    }
  }

  #canHash(input: number): boolean {
    return this.node.map.inputs[input]?.content !== undefined;
  }

  #canAdvance(input: number): boolean {
    if (this.#running.has(input)) return false;
    return this.#stages[input] === 'definition' || (this.#stages[input] === 'looked-up' && this.#canHash(input));
  }

  #advance(input: number): void {
    const task = this.#stages[input] === 'definition' ? this.#lookUpInput(input) : this.#hashInput(input);
    const running = task.finally(() => this.#running.delete(input));
    this.#running.set(input, running);
    // If the search ends before, whoever needs the input's result meets the failure again.
    running.catch(() => undefined);
  }

  async #lookUpInput(input: number): Promise<void> {
    const node = this.node.inputs[input];
    if (node) await this.options.lookup.lookUp(node, 'match');
    this.#stages[input] = 'looked-up';
  }

  async #hashInput(input: number): Promise<void> {
    await this.options.computeContent(this.node, input);
    this.#stages[input] = 'hashed';
  }
}
