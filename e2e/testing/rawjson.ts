/** What became of one vertex of a BuildKit solve. */
export interface SolvedVertex {
  readonly name: string;
  readonly outcome: 'cached' | 'executed' | 'failed' | 'not-started';
}

interface RawVertex {
  readonly digest: string;
  readonly name: string;
  readonly started?: string;
  readonly completed?: string;
  readonly cached?: boolean;
  readonly error?: string;
}

/** Reads `--progress=rawjson`: the last word on each vertex, in the order in which they appeared. */
export function readVertices(output: string): readonly SolvedVertex[] {
  const vertices = new Map<string, RawVertex>();
  for (const line of output.split('\n')) {
    if (!line.startsWith('{')) continue;
    const { vertexes = [] } = JSON.parse(line) as { readonly vertexes?: readonly RawVertex[] };
    for (const vertex of vertexes) {
      const before = vertices.get(vertex.digest);
      vertices.set(vertex.digest, { ...before, ...vertex });
    }
  }
  return [...vertices.values()].map((vertex) => ({ name: vertex.name, outcome: outcomeOf(vertex) }));
}

function outcomeOf({ cached, error, completed }: RawVertex): SolvedVertex['outcome'] {
  if (cached === true) return 'cached';
  if (error !== undefined && error !== '') return 'failed';
  return completed === undefined ? 'not-started' : 'executed';
}

/**
 * Whether a vertex is an instruction that a cache can save: not the loading of inputs, not a base image, which is only
 * looked up, and not an export.
 */
export function isInstruction(name: string): boolean {
  return /^\[(?!internal\]|auth\]|context )[^\]]*\] (?!FROM )/.test(name);
}
