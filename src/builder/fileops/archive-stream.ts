import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { decompress } from '../../compression/decompress';
import { fileError } from './file-error';
import { BLOCK_BYTES } from '../../filetree/tar/tar-format';
import { decodeRawHeader } from '../../filetree/tar/tar-header-decoder';

export type ArchivePacking = 'none' | 'gzip' | 'bzip2' | 'xz' | 'zstd';

/** First bytes of each packing: RFC 1952, bzip2, the xz file format, RFC 8878. */
const magics: readonly (readonly [ArchivePacking, Buffer])[] = [
  ['gzip', Buffer.from([0x1f, 0x8b, 0x08])],
  ['bzip2', Buffer.from('BZh')],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
];

/** How a file is packed, judged by its first bytes. */
export function detectPacking(start: Buffer): ArchivePacking {
  return magics.find(([, magic]) => start.subarray(0, magic.length).equals(magic))?.[0] ?? 'none';
}

/** Whether a file that starts with these bytes is a tar: its first block has the right checksum. */
export function startsTar(start: Buffer): boolean {
  if (start.length < BLOCK_BYTES) return false;
  try {
    decodeRawHeader(start.subarray(0, BLOCK_BYTES), 0);
    return true;
  } catch {
    return false;
  }
}

/** The first bytes of a stream, at least `bytes` unless it is shorter, and all of it from the start again. */
export async function peek(
  source: AsyncIterable<Buffer>,
  bytes: number,
): Promise<{ readonly start: Buffer; readonly all: AsyncGenerator<Buffer> }> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Buffer[] = [];
  let total = 0;
  while (total < bytes) {
    const next = await iterator.next();
    if (next.done === true) break;
    chunks.push(next.value);
    total += next.value.length;
  }
  const start = Buffer.concat(chunks, total);
  return { start, all: resume(start, iterator) };
}

async function* resume(start: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (start.length > 0) yield start;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/**
 * The plain bytes of a packed stream. gzip and zstd are unpacked here; bzip2 and xz by the program of that name, whose
 * absence is `FILE_OPERATION_FAILED` (`tool-missing`).
 */
export function unpackStream(
  packing: ArchivePacking,
  packed: AsyncGenerator<Buffer>,
  path: string,
): AsyncIterable<Buffer> {
  switch (packing) {
    case 'none':
      return packed;
    case 'gzip':
    case 'zstd':
      return decompress(Readable.from(packed, { objectMode: false })) as AsyncIterable<Buffer>;
    case 'bzip2':
    case 'xz':
      return runTool(packing, packed, path);
  }
}

async function* runTool(tool: 'bzip2' | 'xz', packed: AsyncGenerator<Buffer>, path: string): AsyncGenerator<Buffer> {
  const child = spawn(tool, ['-dc'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  ended.catch(() => undefined);
  // The program may close its input early; its exit code tells whether that was right.
  const fed = pipeline(packed, child.stdin).catch(() => undefined);
  try {
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) yield chunk;
    await fed;
    const code = await ended;
    if (code !== 0)
      throw fileError('bad-archive', path, `${tool} could not unpack "/${path}" (exit code ${code ?? -1})`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const hint = `install ${tool}, or use COPY if the archive is not to be unpacked`;
    throw fileError('tool-missing', path, `"/${path}" needs the program "${tool}" to be unpacked`, {
      hint,
      cause: error,
    });
  } finally {
    child.kill();
  }
}
