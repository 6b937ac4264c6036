import { isDigest, type Digest } from '../../oci/digest';
import type { ProgressSink, StatusEvent, VertexEvent, WarningEvent } from '../../progress/event';
import type { SolveStatus, StatusVertex, VertexLog, VertexStatus, VertexWarning } from './solve-status';

/** Output of a vertex that is kept for the message of its failure. */
const maxTailBytes = 16 * 1024;

/** Our own file is nothing to tell of. */
const bakeFileVertex = '[internal] load local bake definitions';

const importPrefix = /^importing cache manifest from (.*)$/;

/** What is known of a vertex at the end. */
export interface LoggedVertex {
  readonly event: VertexEvent;
  /** Milliseconds; what it ran again counts again. */
  readonly durationMs: number;
  /** By the id of the transfer. */
  readonly downloads: ReadonlyMap<string, number>;
  /** The end of its output. */
  readonly tail: Buffer;
  /** Ids of what was done in it, such as `writing layer sha256:…`. */
  readonly tasks: ReadonlySet<string>;
}

interface VertexState {
  event: VertexEvent;
  readonly runs: Map<number, number>;
  readonly downloads: Map<string, number>;
  readonly tasks: Set<string>;
  tail: Buffer;
}

/** Translates BuildKit's progress into ours, and remembers it for the report. */
export class StatusLog {
  readonly #vertices = new Map<Digest, VertexState>();
  readonly #failedImports = new Set<string>();
  readonly #warnings: WarningEvent[] = [];

  constructor(private readonly progress: ProgressSink) {}

  add({ vertexes = [], statuses = [], logs = [], warnings = [] }: SolveStatus): void {
    for (const vertex of vertexes) this.#addVertex(vertex);
    for (const status of statuses) this.#addStatus(status);
    for (const log of logs) this.#addLog(log);
    for (const warning of warnings) this.#addWarning(warning);
  }

  get warnings(): readonly WarningEvent[] {
    return this.#warnings;
  }

  /** In the order in which they were announced. */
  get vertices(): readonly LoggedVertex[] {
    return [...this.#vertices.values()].map(({ event, runs, downloads, tail, tasks }) => ({
      event,
      durationMs: [...runs].reduce((sum, [started, completed]) => sum + Math.max(0, completed - started), 0),
      downloads,
      tail,
      tasks,
    }));
  }

  warn(warning: WarningEvent): void {
    this.#warnings.push(warning);
    this.progress(warning);
  }

  #addVertex(vertex: StatusVertex): void {
    const { digest, name = '', inputs = [], cached } = vertex;
    if (!isDigest(digest) || name === bakeFileVertex) return;
    const started = milliseconds(vertex.started);
    const completed = milliseconds(vertex.completed);
    const source = importPrefix.exec(name)?.[1];
    // A cache is an aid: that it cannot be read is a warning and no error.
    if (source !== undefined && vertex.error) this.#warnOfImport(source, vertex.error);
    const error = source === undefined && vertex.error ? vertex.error : undefined;
    const event: VertexEvent = {
      kind: 'vertex',
      digest,
      name,
      inputs: inputs.filter(isDigest),
      ...(started !== undefined && { started }),
      ...(completed !== undefined && { completed }),
      ...(cached === true && { cached }),
      ...(error !== undefined && { error }),
    };
    const state = this.#vertices.get(digest);
    if (state) state.event = { ...event, ...(state.event.cached && { cached: true }) };
    else this.#vertices.set(digest, newState(event));
    if (started !== undefined && completed !== undefined) this.#vertices.get(digest)?.runs.set(started, completed);
    this.progress(event);
  }

  #addStatus(status: VertexStatus): void {
    const { vertex, id, name = '', current, total } = status;
    if (!isDigest(vertex)) return;
    const state = this.#vertices.get(vertex);
    if (!state) return;
    const isTransfer = isDigest(id);
    state.tasks.add(id);
    if (isTransfer && total) state.downloads.set(id, Math.max(state.downloads.get(id) ?? 0, current));
    const completed = milliseconds(status.completed);
    const event: StatusEvent = {
      kind: 'status',
      vertex,
      id,
      name: isTransfer && name !== '' ? `${name} ${id}` : id,
      current,
      ...(total !== undefined && total > 0 && { total }),
      started: milliseconds(status.started) ?? milliseconds(status.timestamp) ?? 0,
      ...(completed !== undefined && { completed }),
    };
    this.progress(event);
  }

  #addLog({ vertex, stream, data, timestamp }: VertexLog): void {
    if (!isDigest(vertex)) return;
    const bytes = Buffer.from(data, 'base64');
    const state = this.#vertices.get(vertex);
    if (state) state.tail = Buffer.concat([state.tail, bytes]).subarray(-maxTailBytes);
    this.progress({
      kind: 'log',
      vertex,
      stream: stream === 1 ? 'stdout' : 'stderr',
      data: bytes,
      time: milliseconds(timestamp) ?? 0,
    });
  }

  /** Rules of Dockerfiles come as `Rule: text (line N)`, others as plain text. */
  #addWarning({ vertex, short = '', detail = [], url, sourceInfo, range = [] }: VertexWarning): void {
    const text = decode(short);
    const line = range[0]?.start?.line;
    const rule = /^([A-Z][A-Za-z]+): /.exec(text)?.[1];
    const place = line === undefined || text.includes('(line ') ? '' : ` (${sourceInfo?.filename ?? 'line'}:${line})`;
    const hint = [...detail.map(decode), ...(url ? [url] : [])].join('; ');
    this.warn({
      kind: 'warning',
      ...(rule === undefined
        ? { code: 'BUILDKIT_WARNING', message: text + place }
        : { code: `DOCKERFILE_${upperSnake(rule)}`, message: text.slice(rule.length + 2) + place }),
      ...(hint !== '' && { hint }),
      ...(vertex !== undefined && isDigest(vertex) && { vertex }),
    });
  }

  #warnOfImport(source: string, error: string): void {
    if (this.#failedImports.has(source)) return;
    this.#failedImports.add(source);
    const isMissing = /not found|does not exist|NAME_UNKNOWN|MANIFEST_UNKNOWN/i.test(error);
    this.warn({
      kind: 'warning',
      code: isMissing ? 'CACHE_MISSING' : 'CACHE_UNUSABLE',
      message: `cache ${source}: ${isMissing ? 'there is none yet' : error}; the build goes on without it`,
    });
  }
}

function newState(event: VertexEvent): VertexState {
  return { event, runs: new Map(), downloads: new Map(), tasks: new Set(), tail: Buffer.alloc(0) };
}

function milliseconds(time: string | undefined): number | undefined {
  const value = time === undefined ? NaN : Date.parse(time);
  return Number.isNaN(value) ? undefined : value;
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}

function upperSnake(camel: string): string {
  return camel.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
}
