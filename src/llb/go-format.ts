/**
 * Text as Go's `fmt` writes it. The history of an image holds such text, and images of the built-in builder should equal
 * those of BuildKit.
 */

const shortEscapes: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

/** `%q` of a string. */
export function goQuote(text: string): string {
  let quoted = '';
  for (const character of text) quoted += shortEscapes[character] ?? escapeUnprintable(character);
  return `"${quoted}"`;
}

function escapeUnprintable(character: string): string {
  if (character === ' ' || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
}

/** `%q` of a list of strings. */
export function goQuoteList(items: readonly string[]): string {
  return `[${items.map(goQuote).join(' ')}]`;
}

/** `%v` of a list of strings. */
export function goList(items: readonly string[]): string {
  return `[${items.join(' ')}]`;
}

const nanosecondsPerSecond = 1_000_000_000n;

/** A `time.Duration`: `1h2m3.5s`, `1.5ms`, `0s`. */
export function goDuration(nanoseconds: number): string {
  const total = BigInt(nanoseconds);
  if (total === 0n) return '0s';
  const sign = total < 0n ? '-' : '';
  const magnitude = total < 0n ? -total : total;
  if (magnitude < 1_000n) return `${sign}${magnitude}ns`;
  if (magnitude < 1_000_000n) return `${sign}${decimal(magnitude, 1_000n)}µs`;
  if (magnitude < nanosecondsPerSecond) return `${sign}${decimal(magnitude, 1_000_000n)}ms`;
  const minutes = magnitude / (60n * nanosecondsPerSecond);
  const seconds = `${decimal(magnitude % (60n * nanosecondsPerSecond), nanosecondsPerSecond)}s`;
  if (minutes === 0n) return sign + seconds;
  const hours = minutes / 60n;
  return `${sign}${hours === 0n ? '' : `${hours}h`}${minutes % 60n}m${seconds}`;
}

function decimal(value: bigint, unit: bigint): string {
  const fraction = (value % unit)
    .toString()
    .padStart(unit.toString().length - 1, '0')
    .replace(/0+$/, '');
  return fraction === '' ? `${value / unit}` : `${value / unit}.${fraction}`;
}
