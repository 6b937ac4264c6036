import type { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { corruptData } from './compression-errors';
import { detectFormat, magicBytes } from './detect-format';
import { FzstdStream } from './fzstd-stream';
import { findNativeZstd } from './native-zstd';
import { OutputLimit, type OutputLimits } from './output-limit';
import { ZstdFrameScanner } from './zstd-frame-scanner';

export interface DecompressOptions extends OutputLimits {
  readonly signal?: AbortSignal;
}

/** Bytes that a decoder gives out at once: larger pieces mean fewer turns of the event loop. */
const outputChunkBytes = 128 * 1024;

/**
 * The tar in `source`, which may be gzip (of any number of members), zstd (of any number of frames, skippable ones
 * among them) or a plain tar: its first bytes decide. Streaming; destroying either stream destroys the other.
 *
 * The stream fails with `COMPRESSED_DATA_CORRUPT` for data that is damaged, cut off or followed by something else, with
 * `DECOMPRESSION_LIMIT` for more output than the limits allow, with an `AbortError` when `signal` is aborted, and with
 * the error of `source`.
 */
export function decompress(source: Readable, options: DecompressOptions = {}): Readable {
  const { signal, ...limits } = options;
  const output = new OutputLimit(limits);
  const decoded = (chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> => decode(chunks, output);
  // Whoever reads `output` sees the error; it would only be reported twice.
  pipeline(source, decoded, output, signal === undefined ? {} : { signal }).catch(() => undefined);
  return output;
}

async function* decode(chunks: AsyncIterable<Buffer>, limit: OutputLimit): AsyncGenerator<Buffer> {
  const input = chunks[Symbol.asyncIterator]();
  const head = await readHead(input);
  const format = detectFormat(head);
  const whole = counted(head, input, limit);
  if (format === 'none') {
    yield* whole;
    return;
  }
  const decoder = format === 'gzip' ? createGunzip({ chunkSize: outputChunkBytes }) : createZstdDecoder();
  const checked = format === 'gzip' ? whole : scanned(whole);
  let sourceError: unknown;
  const feeding = pipeline(checked, decoder).catch((error: unknown) => (sourceError = error));
  try {
    yield* decoder as AsyncIterable<Buffer>;
  } catch (error) {
    await feeding;
    throw isDecoderError(error) ? corruptData(format, error.message, error) : (sourceError ?? error);
  }
}

async function readHead(input: AsyncIterator<Buffer>): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.byteLength < magicBytes) {
    const next = await input.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
}

async function* counted(head: Buffer, input: AsyncIterator<Buffer>, limit: OutputLimit): AsyncGenerator<Buffer> {
  for (let chunk = head; ;) {
    limit.countInput(chunk.byteLength);
    if (chunk.byteLength > 0) yield chunk;
    const next = await input.next();
    if (next.done === true) return;
    chunk = next.value;
  }
}

async function* scanned(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const scanner = new ZstdFrameScanner();
  for await (const chunk of chunks) {
    scanner.push(chunk);
    yield chunk;
  }
  scanner.end();
}

function createZstdDecoder(): Transform {
  return findNativeZstd()?.createZstdDecompress({ chunkSize: outputChunkBytes }) ?? new FzstdStream();
}

/** Errors of `node:zlib`, as opposed to those of the source and those that are typed already. */
function isDecoderError(error: unknown): error is Error {
  if (!(error instanceof Error) || !('code' in error)) return false;
  const { code } = error;
  return typeof code === 'string' && /^(Z|ZSTD)_/.test(code);
}
