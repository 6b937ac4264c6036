import type { Located } from './statement';
import { isSpace } from './white-space';

/** Splits at blanks, quotes or not: FROM, EXPOSE, and COPY, ADD and VOLUME that are not JSON. */
export function splitWords({ text, offset }: Located): Located[] {
  return Array.from(text.matchAll(/[^\t\v\f\r ]+/g), (match) => ({ text: match[0], offset: offset + match.index }));
}

/**
 * Splits at white space outside of quotes; quotes and escapes stay in the words: ENV, LABEL and ARG. A quote that is
 * never closed reaches to the end, an escape character there is dropped.
 */
export function splitQuotedWords({ text, offset }: Located, escape: string): Located[] {
  const words: Located[] = [];
  let position = 0;
  for (;;) {
    while (position < text.length && isSpace(text.charAt(position))) position++;
    if (position >= text.length) return words;
    const start = position;
    let word = '';
    let quote = '';
    for (; position < text.length; position++) {
      const character = text.charAt(position);
      if (quote === '' && isSpace(character)) break;
      if (character === escape && quote !== "'") {
        if (position + 1 === text.length) continue;
        word += character + text.charAt(++position);
        continue;
      }
      if (character === quote) quote = '';
      else if (quote === '' && (character === '"' || character === "'")) quote = character;
      word += character;
    }
    if (word !== '') words.push({ text: word, offset: offset + start });
  }
}
