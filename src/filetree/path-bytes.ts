/** Lone surrogates U+DC80 to U+DCFF stand for the bytes 0x80 to 0xFF that are no part of valid UTF-8. */
const ESCAPE_BASE = 0xdc00;
const REPLACEMENT = '\ufffd';
const escaped = /[\udc80-\udcff]/;

/**
 * A file name's bytes as a string, without loss: bytes that are not UTF-8 become lone surrogates (the scheme of
 * Python's PEP 383), so that {@link encodePathBytes} gives the same bytes back.
 */
export function decodePathBytes(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!text.includes(REPLACEMENT) || Buffer.from(text, 'utf8').equals(bytes)) return text;
  let result = '';
  for (let start = 0; start < bytes.length;) {
    const length = utf8SequenceLength(bytes, start);
    result +=
      length === 0
        ? String.fromCharCode(ESCAPE_BASE + (bytes[start] ?? 0))
        : bytes.toString('utf8', start, start + length);
    start += Math.max(length, 1);
  }
  return result;
}

/** The bytes that a name of {@link decodePathBytes} stands for. */
export function encodePathBytes(text: string): Buffer {
  if (!escaped.test(text)) return Buffer.from(text, 'utf8');
  const parts: Buffer[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    parts.push(
      code >= ESCAPE_BASE + 0x80 && code <= ESCAPE_BASE + 0xff
        ? Buffer.of(code - ESCAPE_BASE)
        : Buffer.from(character, 'utf8'),
    );
  }
  return Buffer.concat(parts);
}

/** Bytes of the valid UTF-8 sequence at `start`, or 0 if there is none. */
function utf8SequenceLength(bytes: Buffer, start: number): number {
  const first = bytes[start] ?? 0;
  const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0 || start + length > bytes.length) return 0;
  const text = bytes.toString('utf8', start, start + length);
  return Buffer.from(text, 'utf8').equals(bytes.subarray(start, start + length)) ? length : 0;
}
