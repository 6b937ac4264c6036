import { endOfTar, encodeHeader } from '../../filetree/tar/tar-header-encoder';
import { paddingOf } from '../../filetree/tar/tar-format';
import type { TarHeader } from '../../filetree/tar/tar-header';

/** A generator of 32-bit numbers (xorshift): the same on every machine. */
export function seededNumbers(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

const words = ['layer', 'const', 'import', 'return', 'digest', '{\n  ', '}\n', ' = ', ';\n', 'registry', 'cache', '0x'];

/** Bytes that compress about as well as source code: words, with numbers between them. */
export function sampleContent(sizeBytes: number, seed = 1): Buffer {
  const next = seededNumbers(seed);
  const parts: string[] = [];
  for (let length = 0; length < sizeBytes;) {
    const number = next();
    const part = number % 5 === 0 ? (number >>> 8).toString(36) : (words[(number >>> 4) % words.length] ?? '');
    parts.push(part);
    length += part.length;
  }
  return Buffer.from(parts.join('').slice(0, sizeBytes), 'latin1');
}

/** Bytes that do not compress. */
export function noise(sizeBytes: number, seed = 1): Buffer {
  const next = seededNumbers(seed);
  const bytes = Buffer.alloc(sizeBytes);
  for (let offset = 0; offset + 4 <= sizeBytes; offset += 4) bytes.writeUInt32LE(next(), offset);
  return bytes;
}

export type TarSample = Partial<TarHeader> & { readonly name: string; readonly content?: Buffer };

/** A tar of the given members, files unless said otherwise. */
export function sampleTar(members: readonly TarSample[]): Buffer {
  const parts: Buffer[] = [];
  for (const { content = Buffer.alloc(0), ...given } of members) {
    const header: TarHeader = {
      type: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: content.byteLength,
      mtimeNs: 1_700_000_000_000_000_000n,
      linkName: '',
      devMajor: 0,
      devMinor: 0,
      ...given,
    };
    parts.push(encodeHeader(header), content, Buffer.alloc(paddingOf(content.byteLength)));
  }
  return Buffer.concat([...parts, endOfTar]);
}
