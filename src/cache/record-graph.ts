import type { Digest } from '../oci/digest';

/** A record in a graph. Which object stands for it may change as records merge: compare {@link RecordGraph.resolve}d. */
export interface GraphRecord<T> {
  readonly digest: Digest;
  /** For each input, what it can be matched by. */
  readonly inputs: readonly (readonly GraphLink<T>[])[];
  readonly results: readonly T[];
}

export interface GraphLink<T> {
  readonly selector?: string;
  readonly record: GraphRecord<T>;
}

/**
 * Records of cache keys, each stored once: two records with one digest are the same if for every input they share a link
 * (BuildKit `cache/remotecache/v1/chains.go`). When records merge, those that link to them may become the same too, so
 * the outcome does not depend on the order of adding.
 */
export class RecordGraph<T> {
  readonly #nodes = new Set<Node<T>>();
  readonly #roots = new Map<Digest, Node<T>>();

  /**
   * Adds a record, or what is new to a known one. `inputs` link to records of this graph and none is empty; no inputs
   * make a root. Results are collected, the caller tells equal ones apart.
   */
  add(digest: Digest, inputs: readonly (readonly GraphLink<T>[])[], results: readonly T[] = []): GraphRecord<T> {
    if (inputs.some((links) => links.length === 0)) throw new Error(`a record ${digest} has an input without a link`);
    const node = new Node<T>(digest, inputs.length);
    node.results.push(...results);
    inputs.forEach((links, input) => {
      for (const { selector = '', record } of links) this.#link(node, input, selector, this.#node(record));
    });
    this.#nodes.add(node);
    if (inputs.length === 0) this.#addRoot(node);
    else this.#settle([node]);
    return find(node);
  }

  /** The object that stands for a record now. */
  resolve(record: GraphRecord<T>): GraphRecord<T> {
    return this.#node(record);
  }

  /** All records, in no particular order. */
  records(): readonly GraphRecord<T>[] {
    return [...this.#nodes];
  }

  #node(record: GraphRecord<T>): Node<T> {
    if (!(record instanceof Node)) throw new Error('the record is of another graph');
    return find(record as Node<T>);
  }

  #addRoot(node: Node<T>): void {
    const known = this.#roots.get(node.digest);
    if (known === undefined) this.#roots.set(node.digest, node);
    else this.#merge(known, node);
  }

  #link(user: Node<T>, input: number, selector: string, source: Node<T>): void {
    const selectors = user.links[input]?.get(source);
    if (selectors) selectors.add(selector);
    else user.links[input]?.set(source, new Set([selector]));
    source.addUser(user);
  }

  /** Merges records until no two are the same. */
  #settle(pending: Node<T>[]): void {
    for (let next = pending.pop(); next; next = pending.pop()) {
      const node = find(next);
      for (let twin = this.#twinOf(node); twin; twin = this.#twinOf(node)) {
        this.#merge(node, twin);
        for (const users of node.users.values()) pending.push(...users);
      }
    }
  }

  #twinOf(node: Node<T>): Node<T> | undefined {
    const [first] = node.links;
    if (first === undefined) return undefined;
    for (const source of first.keys()) {
      for (const other of source.users.get(node.digest) ?? []) {
        if (other !== node && isSame(node, other) && !reaches(node, other) && !reaches(other, node)) return other;
      }
    }
    return undefined;
  }

  #merge(kept: Node<T>, gone: Node<T>): void {
    gone.links.forEach((sources, input) => {
      for (const [source, selectors] of sources) {
        source.users.get(gone.digest)?.delete(gone);
        for (const selector of selectors) this.#link(kept, input, selector, source);
      }
    });
    for (const user of [...gone.users.values()].flatMap((users) => [...users])) {
      user.links.forEach((sources, input) => {
        const selectors = sources.get(gone);
        if (selectors === undefined) return;
        sources.delete(gone);
        for (const selector of selectors) this.#link(user, input, selector, kept);
      });
    }
    kept.results.push(...gone.results);
    gone.mergedInto = kept;
    this.#nodes.delete(gone);
  }
}

class Node<T> implements GraphRecord<T> {
  /** By input: linked records with the selectors they are linked by; '' is none. */
  readonly links: Map<Node<T>, Set<string>>[];
  /** By their digests: only users of one digest can be the same record. */
  readonly users = new Map<Digest, Set<Node<T>>>();
  readonly results: T[] = [];
  mergedInto: Node<T> | undefined;

  constructor(
    readonly digest: Digest,
    inputCount: number,
  ) {
    this.links = Array.from({ length: inputCount }, () => new Map<Node<T>, Set<string>>());
  }

  addUser(user: Node<T>): void {
    const users = this.users.get(user.digest);
    if (users) users.add(user);
    else this.users.set(user.digest, new Set([user]));
  }

  get inputs(): readonly (readonly GraphLink<T>[])[] {
    return this.links.map((sources) =>
      [...sources].flatMap(([record, selectors]) =>
        [...selectors].map((selector) => (selector === '' ? { record } : { selector, record })),
      ),
    );
  }
}

function find<T>(node: Node<T>): Node<T> {
  let current = node;
  while (current.mergedInto) current = current.mergedInto;
  return current;
}

function isSame<T>(a: Node<T>, b: Node<T>): boolean {
  if (a.digest !== b.digest || a.links.length !== b.links.length) return false;
  return a.links.every((sources, input) => {
    const others = b.links[input];
    return [...sources].some(([source, selectors]) => {
      const shared = others?.get(source);
      return shared !== undefined && [...selectors].some((selector) => shared.has(selector));
    });
  });
}

/** Whether `from` depends on `to`; merging the two would make a circle. */
function reaches<T>(from: Node<T>, to: Node<T>): boolean {
  const pending = [from];
  const seen = new Set<Node<T>>();
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (node === to) return true;
    if (seen.has(node)) continue;
    seen.add(node);
    for (const sources of node.links) pending.push(...sources.keys());
  }
  return false;
}
