import type { Digest } from '../oci/digest';
import type { Edge, LocalSource, Operation, Vertex } from './operation';
import { structuralDigest } from './structural-digest';

/** One output of a {@link Draft}. An absent edge is scratch. */
export interface DraftEdge {
  readonly node: Draft;
  readonly output: number;
}

/** A vertex while the graph grows: whether to ignore its cache, and its name, may still change. */
export interface Draft {
  readonly digest: Digest;
  readonly operation: Operation;
  readonly inputs: readonly DraftEdge[];
  name: string;
  readonly stage: string | undefined;
  readonly line: number | undefined;
  ignoreCache: boolean;
}

export interface DraftProperties {
  readonly operation: Operation;
  readonly inputs?: readonly DraftEdge[];
  readonly name: string;
  readonly stage?: string | undefined;
  readonly line?: number | undefined;
  readonly ignoreCache?: boolean;
}

/**
 * Collects the vertices of one build so that equal ones (same operation, same inputs) are one object, as two stages that
 * start from one image share it.
 */
export class GraphBuilder {
  readonly #drafts = new Map<Digest, Draft>();

  /** The first output of the vertex with this operation and these inputs. The first name that was given stays. */
  add(properties: DraftProperties): DraftEdge {
    const inputs = properties.inputs ?? [];
    const digest = structuralDigest({
      operation: properties.operation,
      inputs: inputs.map((input) => [input.node.digest, input.output]),
    });
    let node = this.#drafts.get(digest);
    if (node === undefined) {
      const { operation, name, stage, line, ignoreCache = false } = properties;
      node = { digest, operation, inputs, name, stage, line, ignoreCache };
      this.#drafts.set(digest, node);
    } else if (properties.ignoreCache) {
      node.ignoreCache = true;
    }
    return { node, output: 0 };
  }
}

/**
 * Turns drafts into vertices. `finishLocal` completes the local sources, whose paths are known only when the last stage
 * has been converted.
 */
export class GraphFreezer {
  readonly #vertices = new Map<Draft, Vertex>();

  constructor(readonly finishLocal: (source: LocalSource) => LocalSource) {}

  freeze(edge: DraftEdge | undefined): Edge | undefined {
    return edge && { vertex: this.#vertex(edge.node), output: edge.output };
  }

  #vertex(draft: Draft): Vertex {
    const known = this.#vertices.get(draft);
    if (known !== undefined) return known;
    const { operation } = draft;
    const vertex: Vertex = {
      digest: draft.digest,
      operation: operation.kind === 'local' ? this.finishLocal(operation) : operation,
      inputs: draft.inputs.map((input) => ({ vertex: this.#vertex(input.node), output: input.output })),
      name: draft.name,
      ...(draft.stage !== undefined && { stage: draft.stage }),
      ...(draft.line !== undefined && { line: draft.line }),
      ignoreCache: draft.ignoreCache,
    };
    this.#vertices.set(draft, vertex);
    return vertex;
  }
}

/** The inputs of an operation that is being put together: each edge once, in order of first use. */
export class InputList {
  readonly #edges: DraftEdge[] = [];

  /** Index of `edge`; -1 for scratch, which is no input. */
  indexOf(edge: DraftEdge | undefined): number {
    if (edge === undefined) return -1;
    const known = this.#edges.findIndex((other) => other.node === edge.node && other.output === edge.output);
    return known >= 0 ? known : this.#edges.push(edge) - 1;
  }

  get edges(): readonly DraftEdge[] {
    return this.#edges;
  }
}
