import type { Digest } from '../oci/digest';

/**
 * What a build tells while it runs. The shape follows BuildKit's solve status, so that `rawjson` output can be read by
 * the same tools. Times are milliseconds since the epoch.
 */
export type ProgressEvent = VertexEvent | LogEvent | StatusEvent | WarningEvent;

export interface VertexEvent {
  readonly kind: 'vertex';
  readonly digest: Digest;
  /** What BuildKit prints: `[deps 2/4] COPY package.json ./`. */
  readonly name: string;
  readonly inputs: readonly Digest[];
  readonly started?: number;
  readonly completed?: number;
  readonly cached?: boolean;
  readonly error?: string;
}

export interface LogEvent {
  readonly kind: 'log';
  readonly vertex: Digest;
  readonly stream: 'stdout' | 'stderr';
  readonly data: Buffer;
  readonly time: number;
}

export interface StatusEvent {
  readonly kind: 'status';
  readonly vertex: Digest;
  /** Unique within the vertex, such as a blob's digest. */
  readonly id: string;
  /** `pushing layer`, `extracting`, `transferring context`. */
  readonly name: string;
  readonly current: number;
  readonly total?: number;
  readonly started: number;
  readonly completed?: number;
}

export interface WarningEvent {
  readonly kind: 'warning';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly vertex?: Digest;
}

export type ProgressSink = (event: ProgressEvent) => void;
