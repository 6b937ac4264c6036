/** How the bytes of a layer are packed, as its first bytes tell. */
export type DetectedFormat = 'gzip' | 'zstd' | 'none';

/** Bytes that {@link detectFormat} looks at. */
export const magicBytes = 4;

const zstdMagic = 0xfd2fb528;
/** Skippable frames have 16 magic numbers that differ in the last four bits (RFC 8878, 3.1.2). */
const skippableMagic = 0x184d2a5;

export function isZstdMagic(magic: number): boolean {
  return magic === zstdMagic;
}

export function isSkippableMagic(magic: number): boolean {
  return magic >>> 4 === skippableMagic;
}

/** The format that starts with `head`. What has no magic number is taken for a plain tar, however short it is. */
export function detectFormat(head: Buffer): DetectedFormat {
  if (head[0] === 0x1f && head[1] === 0x8b && head[2] === 8) return 'gzip';
  if (head.byteLength < magicBytes) return 'none';
  const magic = head.readUInt32LE(0);
  return isZstdMagic(magic) || isSkippableMagic(magic) ? 'zstd' : 'none';
}
