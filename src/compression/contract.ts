import type { Transform } from 'node:stream';

export const compressionTypes = ['gzip', 'estargz', 'zstd', 'uncompressed'] as const;
export type CompressionType = (typeof compressionTypes)[number];

export interface CompressionOptions {
  readonly type: CompressionType;
  /** gzip and estargz 0-9, zstd 0-22; default: the codec's own. Ignored for `uncompressed`. */
  readonly level?: number;
  /** Same input, same bytes on every machine and Node version, at the price of speed. Default false. */
  readonly reproducible?: boolean;
}

/** What only the finished stream knows. */
export interface CompressionSummary {
  /** Annotations for the layer's descriptor, such as estargz's TOC digest. Empty for the others. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** The summary of a compression that has nothing to say. */
export const noAnnotations: CompressionSummary = { annotations: {} };

/** A compressing stream; `summary` may be read after `end`. */
export interface Compressor {
  readonly stream: Transform;
  summary(): CompressionSummary;
}
