import { close, constants, createReadStream, open, read, type PathLike } from 'node:fs';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { CodedError } from '../diagnostics/coded-error';
import type { CallOptions } from '../content/contract';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A file is shorter than it was when it was listed. */
    FILE_CHANGED: { readonly path: string };
  }
}

const openPlain = promisify(open);
const readPlain = promisify(read);
const closePlain = promisify(close);

/** A symlink is refused, and a fifo in a file's place does not make us wait. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Up to this many bytes, a file is read in one go: a stream with its own descriptor costs more than the bytes. */
export const WHOLE_READ_BYTES = 256 * 1024;

export interface FileRange {
  /** First byte, default 0. */
  readonly start?: number;
  /** Bytes to read. */
  readonly size: number;
  /** Path for messages; default: none, the error then names no file. */
  readonly label?: string;
}

/**
 * Streams `range` of a regular file on disk; a symlink in its place is refused by the kernel. Fails with `FILE_CHANGED`
 * if the file has fewer bytes.
 */
export async function openFileRange(file: PathLike, range: FileRange, options: CallOptions = {}): Promise<Readable> {
  const { signal } = options;
  signal?.throwIfAborted();
  if (range.size <= WHOLE_READ_BYTES) return streamOf(await readRange(file, range));
  const { start = 0, size } = range;
  const fd = await openPlain(file, READ_FLAGS);
  const end = start + size - 1;
  // With a descriptor given, the path is not used.
  return createReadStream('', { fd, start, end, highWaterMark: WHOLE_READ_BYTES, ...(signal && { signal }) });
}

/** Plain descriptors: a `FileHandle` per file would cost more than reading it. */
async function readRange(file: PathLike, { start = 0, size, label = '' }: FileRange): Promise<Buffer> {
  const fd = await openPlain(file, READ_FLAGS);
  try {
    const bytes = Buffer.allocUnsafe(size);
    for (let filled = 0; filled < size;) {
      const { bytesRead } = await readPlain(fd, bytes, filled, size - filled, start + filled);
      if (bytesRead === 0) {
        throw new CodedError('FILE_CHANGED', `"${label}" became shorter while it was read`, { path: label });
      }
      filled += bytesRead;
    }
    return bytes;
  } finally {
    await closePlain(fd);
  }
}

/** A stream of these bytes, which it does not copy. */
export function streamOf(bytes: Buffer): Readable {
  return Readable.from(bytes.length === 0 ? [] : [bytes], { objectMode: false });
}

/** All bytes of a stream, at most `limitBytes`; undefined if there are more (the stream is then destroyed). */
export async function readAll(stream: Readable, limitBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    total += chunk.length;
    if (total > limitBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, total);
}
