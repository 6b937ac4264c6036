import { createHash } from 'node:crypto';

const maxSlugCharacters = 63;
const hashCharacters = 10;

/**
 * A branch name as something that may stand in a tag. Different branches never give the same slug: where a character
 * had to be replaced or cut, a hash of the whole name is appended.
 */
export function branchSlug(branch: string): string {
  const replaced = branch.replace(/[^A-Za-z0-9_.-]/g, '-').replace(/^[.-]+/, '');
  // What ends like a hash could be the slug of another branch.
  const looksHashed = new RegExp(`-[0-9a-f]{${hashCharacters}}$`).test(replaced);
  if (replaced === branch && branch !== '' && branch.length <= maxSlugCharacters && !looksHashed) return branch;
  const hash = createHash('sha256').update(branch).digest('hex').slice(0, hashCharacters);
  const head = replaced.slice(0, maxSlugCharacters - hashCharacters - 1).replace(/[.-]+$/, '');
  return head === '' ? `b-${hash}` : `${head}-${hash}`;
}
