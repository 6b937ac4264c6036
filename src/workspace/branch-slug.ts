import { tagSlug } from '../oci/tag-slug';

const maxSlugCharacters = 63;

/** A branch name as something that may stand in a tag. Different branches never give the same slug. */
export function branchSlug(branch: string): string {
  return tagSlug(branch, { maxCharacters: maxSlugCharacters, fallback: 'b' });
}
