const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  '\u00b5s': 1e3,
  '\u03bcs': 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Go keeps durations in a signed 64-bit number of nanoseconds, about 292 years. */
const MAX_NANOSECONDS = 2 ** 63;

/**
 * Nanoseconds of a duration in Go's syntax (`1h30m`, `1.5s`, `-2ms`, `0`), or undefined where it is none. Fractions
 * below a nanosecond are dropped; above 104 days the number is no longer exact to the nanosecond.
 */
export function parseDuration(text: string): number | undefined {
  const [, sign = '', body = ''] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (body === '0') return 0;
  if (body === '') return undefined;
  const part = /(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;
  let total = 0;
  while (part.lastIndex < body.length) {
    const match = part.exec(body);
    if (match === null) return undefined;
    const [, amount = '', unit = ''] = match;
    total += Math.trunc(Number(amount) * (NANOSECONDS[unit] ?? 0));
  }
  if (total >= MAX_NANOSECONDS) return undefined;
  return sign === '-' ? -total : total;
}
