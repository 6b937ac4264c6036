/** A line of `--progress=rawjson`: BuildKit's `SolveStatus` (client/graph.go), as far as it is used here. */
export interface SolveStatus {
  readonly vertexes?: readonly StatusVertex[];
  readonly statuses?: readonly VertexStatus[];
  readonly logs?: readonly VertexLog[];
  readonly warnings?: readonly VertexWarning[];
}

export interface StatusVertex {
  readonly digest: string;
  readonly name?: string;
  readonly inputs?: readonly string[];
  /** RFC 3339. */
  readonly started?: string;
  readonly completed?: string;
  readonly cached?: boolean;
  readonly error?: string;
}

export interface VertexStatus {
  readonly id: string;
  readonly vertex: string;
  readonly name?: string;
  readonly current: number;
  readonly total?: number;
  readonly timestamp: string;
  readonly started?: string;
  readonly completed?: string;
}

export interface VertexLog {
  readonly vertex: string;
  /** 1 or 2. */
  readonly stream?: number;
  /** Base64. */
  readonly data: string;
  readonly timestamp: string;
}

export interface VertexWarning {
  readonly vertex?: string;
  /** Base64, as is each line of `detail`. */
  readonly short?: string;
  readonly detail?: readonly string[];
  readonly url?: string;
  readonly sourceInfo?: { readonly filename?: string };
  readonly range?: readonly { readonly start?: { readonly line?: number } }[];
}

const listKeys = ['vertexes', 'statuses', 'logs', 'warnings'] as const;

/** Undefined for a line that is something else, such as a message of buildx. */
export function parseSolveStatus(line: string): SolveStatus | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value = JSON.parse(line) as Readonly<Record<string, unknown>>;
    return listKeys.every((key) => value[key] === undefined || Array.isArray(value[key])) ? value : undefined;
  } catch {
    return undefined;
  }
}
