import { createHash } from 'node:crypto';

const hashCharacters = 10;
const looksHashed = new RegExp(`-[0-9a-f]{${hashCharacters}}$`);

export interface TagSlugOptions {
  readonly maxCharacters: number;
  /** What stands before the hash where nothing of the text can stay. */
  readonly fallback: string;
}

/**
 * A text as something that may stand in a tag. Different texts never give the same slug: where a character had to be
 * replaced or cut, a hash of the whole text is appended, and so it is to what only looks like such a slug.
 */
export function tagSlug(text: string, { maxCharacters, fallback }: TagSlugOptions): string {
  const replaced = text.replace(/[^A-Za-z0-9_.-]/g, '-').replace(/^[.-]+/, '');
  if (replaced === text && text !== '' && text.length <= maxCharacters && !looksHashed.test(replaced)) return text;
  const hash = createHash('sha256').update(text).digest('hex').slice(0, hashCharacters);
  const head = replaced.slice(0, maxCharacters - hashCharacters - 1).replace(/[.-]+$/, '');
  return `${head === '' ? fallback : head}-${hash}`;
}
