import * as zlib from 'node:zlib';
import type { Transform } from 'node:stream';

interface ZstdOptions {
  readonly chunkSize?: number;
  readonly pledgedSrcSize?: number;
  readonly params?: Readonly<Record<number, number>>;
}

/** What `node:zlib` has of zstd from Node 22.15 on; the types of our oldest Node do not know it. */
export interface NativeZstd {
  zstdCompress(data: Uint8Array, options: ZstdOptions, done: (error: Error | null, result: Buffer) => void): void;
  zstdCompressSync(data: Uint8Array, options: ZstdOptions): Buffer;
  createZstdDecompress(options: ZstdOptions): Transform;
}

/** Names of zstd's C interface (zstd.h); their values are part of its ABI. */
export const zstdParameters = { compressionLevel: 100, decoderWindowLogMax: 100 } as const;

/** The zstd of this Node, or undefined where it has none. */
export function findNativeZstd(): NativeZstd | undefined {
  return 'zstdCompress' in zlib && 'createZstdDecompress' in zlib ? (zlib as unknown as NativeZstd) : undefined;
}
