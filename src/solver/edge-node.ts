import type { SourceRecord, SourceResult } from '../cache/contract';
import type { Edge, Vertex } from '../llb/operation';
import { digestOf, type Digest } from '../oci/digest';
import { cacheMap, type CacheMap } from './cache-map';

/** Digest of the record of an operation's output. */
export function outputKey(operation: Digest, output: number): Digest {
  return digestOf(`${operation}@${output}`);
}

/** Digest of the root record that stands for an input's content. */
export function contentKey(content: Digest): Digest {
  return digestOf(`${content}@-1`);
}

/** How the result of an edge came about. */
export type EdgeOrigin =
  | { readonly kind: 'executed'; readonly createdAt: string }
  | { readonly kind: 'hit'; readonly source: string; readonly record: SourceRecord; readonly found: SourceResult };

export interface EdgeResult<R> {
  readonly result: R;
  readonly origin: EdgeOrigin;
}

/** What one solve knows of one output of a vertex. */
export class EdgeNode<R> {
  readonly map: CacheMap;
  /** Digests of this edge's records. A source may get more of them while it is looked up. */
  readonly recordDigests: Digest[] = [];
  /** Records that are known to be this edge's. */
  matches: ReadonlySet<SourceRecord> = new Set();
  /** Content-based keys by input, as far as they were computed. */
  readonly contentDigests = new Map<number, Digest>();
  settled: EdgeResult<R> | undefined;

  constructor(
    readonly edge: Edge,
    readonly inputs: readonly EdgeNode<R>[],
  ) {
    this.map = cacheMap(edge.vertex);
    if (this.map.digest !== undefined) this.addKey(this.map.digest);
  }

  get vertex(): Vertex {
    return this.edge.vertex;
  }

  /** Whether the key stands for itself, because no input is part of it. */
  get isRoot(): boolean {
    return this.inputs.length === 0;
  }

  addKey(operation: Digest): void {
    this.recordDigests.push(outputKey(operation, this.edge.output));
  }
}

/** All edges below `targets`, each once and behind its inputs. Not recursive. */
export function buildNodes<R>(targets: readonly Edge[]): {
  readonly targets: readonly EdgeNode<R>[];
  readonly nodes: readonly EdgeNode<R>[];
} {
  const nodes = new Map<string, EdgeNode<R>>();
  const nodeOf = (edge: Edge): EdgeNode<R> | undefined => nodes.get(edgeId(edge));
  const stack = [...targets].reverse();
  for (let edge = stack.at(-1); edge; edge = stack.at(-1)) {
    const missing = edge.vertex.inputs.filter((input) => !nodeOf(input));
    if (missing.length > 0 && !nodeOf(edge)) {
      stack.push(...missing.reverse());
      continue;
    }
    stack.pop();
    if (nodeOf(edge)) continue;
    const inputs = edge.vertex.inputs.flatMap((input) => nodeOf(input) ?? []);
    nodes.set(edgeId(edge), new EdgeNode<R>(edge, inputs));
  }
  return { targets: targets.flatMap((target) => nodeOf(target) ?? []), nodes: [...nodes.values()] };
}

function edgeId(edge: Edge): string {
  return `${edge.output} ${edge.vertex.digest}`;
}
