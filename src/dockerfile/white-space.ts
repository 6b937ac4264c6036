/**
 * What Go's `unicode.IsSpace` calls white space, which is what BuildKit splits and trims by. JavaScript's `\s` differs in
 * two characters: it has U+FEFF and lacks U+0085.
 */
const SPACE = '\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

const LEADING = new RegExp(`^[${SPACE}]+`);
const ONE = new RegExp(`^[${SPACE}]$`);

/** Whether a single character is white space. */
export function isSpace(character: string): boolean {
  return ONE.test(character);
}

/** `text` without leading white space. */
export function trimSpaceStart(text: string): string {
  return text.replace(LEADING, '');
}

/** `text` without trailing white space. Walks from the end, as a regular expression for it takes quadratic time. */
export function trimSpaceEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

/** `text` without leading and trailing white space. */
export function trimSpace(text: string): string {
  return trimSpaceEnd(trimSpaceStart(text));
}
