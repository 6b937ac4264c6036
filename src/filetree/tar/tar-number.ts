/**
 * Reads a numeric field: octal digits between spaces and NULs, or GNU's base-256 (first bit set, two's complement).
 * Undefined for anything else and for numbers that a double cannot hold exactly.
 */
export function parseTarNumber(bytes: Buffer): number | undefined {
  const first = bytes[0] ?? 0;
  if ((first & 0x80) !== 0) return parseBase256(bytes);
  const text = bytes.toString('latin1').replace(/^[ \0]+|[ \0].*$/gs, '');
  if (text === '') return 0;
  if (!/^[0-7]+$/.test(text)) return undefined;
  const value = parseInt(text, 8);
  return Number.isSafeInteger(value) ? value : undefined;
}

function parseBase256(bytes: Buffer): number | undefined {
  const negative = ((bytes[0] ?? 0) & 0x40) !== 0;
  let value = 0n;
  for (const [index, byte] of bytes.entries()) {
    const bits = index === 0 ? byte & 0x7f : byte;
    value = (value << 8n) | BigInt(bits);
  }
  if (negative) value -= 1n << BigInt(bytes.length * 8 - 1);
  const result = Number(value);
  return Number.isSafeInteger(result) ? result : undefined;
}

/** Zero-padded octal with a NUL behind it, or undefined where `value` does not fit into `width` bytes. */
export function formatOctal(value: number, width: number): string | undefined {
  if (value < 0) return undefined;
  const digits = value.toString(8);
  return digits.length < width ? `${digits.padStart(width - 1, '0')}\0` : undefined;
}

const nanosecondsPerSecond = 1_000_000_000n;

/** A pax time, decimal seconds with an optional fraction, as nanoseconds; undefined if it is none. */
export function parsePaxTime(text: string): bigint | undefined {
  const match = /^(-?)(\d{1,18})(?:\.(\d*))?$/.exec(text);
  if (!match) return undefined;
  const [, sign, seconds = '0', fraction = ''] = match;
  const value = BigInt(seconds) * nanosecondsPerSecond + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  return sign === '-' ? -value : value;
}

/** Seconds since the epoch, rounded down, as containerd writes modification times into layers. */
export function wholeSeconds(mtimeNs: bigint): number {
  const seconds = mtimeNs / nanosecondsPerSecond;
  return Number(mtimeNs < 0n && seconds * nanosecondsPerSecond !== mtimeNs ? seconds - 1n : seconds);
}

export function secondsToNs(seconds: number): bigint {
  return BigInt(seconds) * nanosecondsPerSecond;
}
