const KIBIBYTE = 1024;
const UNITS = 'kmgtpezy';

/**
 * Bytes of a size as `docker` takes it (`64m`, `1.5GiB`, `512 kb`, `1024`): units count in powers of 1024 in either case,
 * the `b` or `ib` is optional, one space may stand before the unit. Undefined where it is none; fractions of a byte are
 * dropped.
 */
export function parseByteSize(text: string): number | undefined {
  const match = /^\+?(\d+\.?\d*|\.\d+) ?(?:([kmgtpezy])(?:i?b)?|b)?$/i.exec(text);
  if (match === null) return undefined;
  const [, amount = '', unit] = match;
  const power = unit === undefined ? 0 : UNITS.indexOf(unit.toLowerCase()) + 1;
  const bytes = Math.trunc(Number(amount) * KIBIBYTE ** power);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
