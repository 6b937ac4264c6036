import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { CodecEnvironment } from '../codec-table';
import type { CompressionOptions, CompressionSummary } from '../contract';
import { createCompressor } from '../create-compressor';
import { decompress, type DecompressOptions } from '../decompress';
import { findNativeZstd } from '../native-zstd';

const nativeZstd = findNativeZstd() !== undefined;

/** Every way to compress that this Node has; `nativeZstd: false` is what a Node without zstd does. */
export const environments: readonly (CodecEnvironment & { readonly name: string })[] = [
  { name: "libuv's threads", parallelism: 2, nativeZstd },
  { name: 'worker threads', parallelism: 6, nativeZstd },
  ...(nativeZstd ? [{ name: "no zstd in Node, libuv's threads", parallelism: 2, nativeZstd: false }] : []),
];

/** Bytes in pieces of `pieceBytes`, as a stream would bring them. */
export function inPieces(bytes: Buffer, pieceBytes = 64 * 1024): Readable {
  const pieces = function* (): Generator<Buffer> {
    for (let start = 0; start < bytes.byteLength; start += pieceBytes) yield bytes.subarray(start, start + pieceBytes);
  };
  return Readable.from(pieces(), { objectMode: false });
}

export interface Compressed extends CompressionSummary {
  readonly bytes: Buffer;
}

/** Compresses a buffer whole. */
export async function compressed(
  content: Buffer,
  options: CompressionOptions & { readonly pieceBytes?: number; readonly environment?: CodecEnvironment },
): Promise<Compressed> {
  const { environment, pieceBytes, ...compression } = options;
  const compressor = createCompressor(compression, environment);
  const output: Buffer[] = [];
  await pipeline(inPieces(content, pieceBytes), compressor.stream, async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) output.push(chunk);
  });
  return { bytes: Buffer.concat(output), ...compressor.summary() };
}

/** Decompresses a buffer whole. */
export function decompressed(
  bytes: Buffer,
  options: DecompressOptions & { readonly pieceBytes?: number } = {},
): Promise<Buffer> {
  const { pieceBytes, ...decompression } = options;
  return buffer(decompress(inPieces(bytes, pieceBytes), decompression));
}
