import { crc32 } from 'node:zlib';

/** Bytes of the footer, which is the end of every estargz blob. */
export const footerBytes = 51;

const magic = 'STARGZ';
const offsetDigits = 16;
/** An extra field of a gzip header with the subfield `SG` (RFC 1952, section 2.3.1.1). */
const header = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 26, 0, 0x53, 0x47, 22, 0]);
/** An empty stored block that is the last one, and the trailer of no content. */
const emptyContent = Buffer.from([1, 0, 0, 0xff, 0xff, ...new Array<number>(8).fill(crc32(''))]);

/** An empty gzip member that says where the one with the table of contents starts. */
export function formatFooter(tocOffset: number): Buffer {
  const offset = tocOffset.toString(16).padStart(offsetDigits, '0');
  return Buffer.concat([header, Buffer.from(offset + magic, 'latin1'), emptyContent]);
}

/** Where the table of contents starts, from the last {@link footerBytes} of a blob; undefined if it is no estargz. */
export function parseFooter(footer: Buffer): number | undefined {
  const start = header.byteLength;
  if (footer.byteLength !== footerBytes || !footer.subarray(0, start).equals(header)) return undefined;
  const [, digits] = /^([0-9a-f]{16})STARGZ$/.exec(footer.toString('latin1', start, start + 22)) ?? [];
  const offset = digits === undefined ? NaN : parseInt(digits, 16);
  return Number.isSafeInteger(offset) ? offset : undefined;
}
