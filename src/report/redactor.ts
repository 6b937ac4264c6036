/** What stands in place of a secret. */
const mask = '***';

/** Shorter values and lines are left alone: hiding every `1` would make output unreadable and tell the value. */
const minSecretCharacters = 4;

/**
 * A function that hides the values of secrets in text. A value of several lines is hidden line by line, as output is
 * printed by line; base64 of a whole value is hidden, too.
 */
export function createRedactor(values: Iterable<string | Uint8Array>): (text: string) => string {
  const needles = new Set<string>();
  for (const value of values) {
    const bytes = Buffer.from(value);
    const text = bytes.toString('utf8');
    const lines = text.split(/\r?\n/).flatMap((line) => [line, line.trim()]);
    for (const needle of [text, ...lines]) {
      if (needle.trim().length < minSecretCharacters) continue;
      needles.add(needle);
    }
    if (text.trim().length >= minSecretCharacters) {
      needles.add(bytes.toString('base64'));
      needles.add(Buffer.from(text.trim()).toString('base64'));
    }
  }
  if (needles.size === 0) return (text) => text;
  // Longest first, so that a line of a secret does not spoil the match of the whole.
  const longestFirst = [...needles].sort((left, right) => right.length - left.length);
  const pattern = new RegExp(longestFirst.map(escapeForPattern).join('|'), 'g');
  return (text) => text.replace(pattern, mask);
}

function escapeForPattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
