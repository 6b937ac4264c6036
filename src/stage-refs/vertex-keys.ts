import type { CallOptions } from '../content/contract';
import { localFiles } from '../engine/embedded/local-tree';
import type { Edge, LocalSource, Vertex } from '../llb/operation';
import type { Digest } from '../oci/digest';
import { cacheMap, resolveSourceKey } from '../solver/cache-map';
import { ContentHasher, type ListedFile } from '../solver/content-hash';
import { selectPath, type ContentSelector } from '../solver/content-selector';
import type { SolverResult, Worker } from '../solver/contract';
import { keyOf, type FieldRecord } from './field-hash';
import type { StageKey } from './stage-tags';

export interface VertexKeysOptions extends CallOptions {
  readonly worker: Worker<SolverResult>;
  /** Directories of the client by the name of their source. */
  readonly directories: ReadonlyMap<string, string>;
}

/** What a step reads of a directory of the client. */
export interface ContextRead {
  readonly source: LocalSource;
  readonly selectors: readonly ContentSelector[];
}

const everything: readonly ContentSelector[] = [selectPath('', { followLinks: false })];

/**
 * Keys of steps that need no execution: a step by its operation (as BuildKit's cache keys have it), by the content of the
 * files that it reads of the client, by the digests of base images and remote sources, and by the keys of the steps that
 * it stands on or copies from, whatever these gave. Everything is computed once.
 */
export class VertexKeys {
  readonly #keys = new Map<Vertex, Promise<StageKey>>();
  readonly #hashers = new Map<Digest, ContentHasher>();

  constructor(private readonly options: VertexKeysOptions) {}

  /**
   * Rejects with `CONTENT_NOT_FOUND` or `CONTENT_PATTERN_INVALID` where a COPY cannot work, and with what asking for a
   * remote source gives.
   */
  keyOf(vertex: Vertex): Promise<StageKey> {
    let key = this.#keys.get(vertex);
    if (!key) {
      key = this.#compute(vertex);
      key.catch(() => undefined);
      this.#keys.set(vertex, key);
    }
    return key;
  }

  /** What a vertex reads of the client, by input. */
  readsOf(vertex: Vertex): ReadonlyMap<number, ContextRead> {
    const { inputs } = cacheMap(vertex);
    const reads = new Map<number, ContextRead>();
    vertex.inputs.forEach(({ vertex: { operation } }, index) => {
      if (operation.kind !== 'local') return;
      reads.set(index, { source: operation, selectors: inputs[index]?.content ?? everything });
    });
    return reads;
  }

  digestOf(input: Edge, read: ContextRead): Promise<Digest> {
    return this.#hasher(input.vertex, read.source).digest(read.selectors, this.#call());
  }

  listFiles(input: Edge, read: ContextRead): Promise<readonly ListedFile[]> {
    return this.#hasher(input.vertex, read.source).list(read.selectors, this.#call());
  }

  /** What an http or git source is now; undefined for all else. */
  async sourceKeyOf(vertex: Vertex): Promise<string | undefined> {
    const { kind } = vertex.operation;
    return kind === 'http' || kind === 'git' ? resolveSourceKey(vertex, this.options.worker, this.#call()) : undefined;
  }

  async #compute(vertex: Vertex): Promise<StageKey> {
    const map = cacheMap(vertex);
    if (vertex.operation.kind === 'local') {
      const digest = await this.#hasher(vertex, vertex.operation).digest(everything, this.#call());
      return keyOf('context', { digest });
    }
    const operation = map.digest ?? (await this.sourceKeyOf(vertex));
    if (operation === undefined) throw new Error(`"${vertex.name}" has no key`);
    const reads = this.readsOf(vertex);
    const inputs = await Promise.all(
      vertex.inputs.map(async (input, index): Promise<FieldRecord> => {
        const read = reads.get(index);
        const selector = map.inputs[index]?.selector;
        if (read) return { selector, content: await this.digestOf(input, read) };
        return { selector, output: input.output, key: await this.keyOf(input.vertex) };
      }),
    );
    return keyOf('step', { operation, inputs });
  }

  #hasher(vertex: Vertex, source: LocalSource): ContentHasher {
    let hasher = this.#hashers.get(vertex.digest);
    if (!hasher) {
      hasher = new ContentHasher(localFiles(source, this.options.directories), { emptyRootHeader: true });
      this.#hashers.set(vertex.digest, hasher);
    }
    return hasher;
  }

  #call(): CallOptions {
    return this.options.signal ? { signal: this.options.signal } : {};
  }
}

/** All vertices below and including an edge's, inputs first. */
export function verticesBelow(edge: Edge | undefined): readonly Vertex[] {
  const order = new Set<Vertex>();
  const stack = edge ? [{ vertex: edge.vertex, expanded: false }] : [];
  for (let top = stack.pop(); top; top = stack.pop()) {
    if (order.has(top.vertex)) continue;
    if (top.expanded) {
      order.add(top.vertex);
      continue;
    }
    stack.push({ vertex: top.vertex, expanded: true });
    for (const { vertex } of top.vertex.inputs) if (!order.has(vertex)) stack.push({ vertex, expanded: false });
  }
  return [...order];
}
