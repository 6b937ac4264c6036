const format = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;
const NANOSECONDS_PER_MILLISECOND = 1_000_000n;

/** What Go writes for a time that was never set. */
export const zeroTime = '0001-01-01T00:00:00Z';

/** Whether `text` has the form of a time as Go writes it in JSON. */
export function isTime(text: string): boolean {
  return format.test(text);
}

/** Nanoseconds since the epoch of a time as Go's `time.Time` writes it in JSON, or undefined if it is no such text. */
export function parseTime(text: string): bigint | undefined {
  const match = format.exec(text);
  if (!match) return undefined;
  const [, seconds = '', fraction = '', zone = ''] = match;
  const milliseconds = Date.parse(seconds + zone);
  if (Number.isNaN(milliseconds)) return undefined;
  return BigInt(milliseconds) * NANOSECONDS_PER_MILLISECOND + BigInt(fraction.padEnd(9, '0'));
}

/** Positive if `a` is later. What cannot be read counts as earliest. */
export function compareTimes(a: string, b: string): number {
  if (a === b) return 0;
  const left = parseTime(a);
  const right = parseTime(b);
  if (left === right) return 0;
  if (left === undefined || right === undefined) return left === undefined ? -1 : 1;
  return left < right ? -1 : 1;
}
