import type { Edge, Vertex } from '../../llb/operation';
import type { Digest } from '../../oci/digest';

/** Index of the input that a step changes, as opposed to what it only reads; undefined for a step on nothing. */
export function baseInput({ operation, inputs }: Vertex): number | undefined {
  const [first] = operation.kind === 'exec' ? operation.mounts : operation.kind === 'file' ? operation.actions : [];
  return first !== undefined && first.input >= 0 && first.input < inputs.length ? first.input : undefined;
}

/** The RUN steps of a graph and the steps whose results they run in, directly or with steps in between. */
export function runBases(roots: readonly Edge[]): ReadonlySet<Digest> {
  const found = new Set<Digest>();
  const seen = new Set<Vertex>();
  const open = roots.map(({ vertex }) => vertex);
  for (let vertex = open.pop(); vertex !== undefined; vertex = open.pop()) {
    if (seen.has(vertex)) continue;
    seen.add(vertex);
    open.push(...vertex.inputs.map((input) => input.vertex));
    if (vertex.operation.kind === 'exec') addWithBases(vertex, found);
  }
  return found;
}

function addWithBases(run: Vertex, found: Set<Digest>): void {
  for (let vertex: Vertex | undefined = run; vertex !== undefined && !found.has(vertex.digest);) {
    found.add(vertex.digest);
    const base: number | undefined = baseInput(vertex);
    vertex = base === undefined ? undefined : vertex.inputs[base]?.vertex;
  }
}
