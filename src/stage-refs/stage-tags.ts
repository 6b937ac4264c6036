import { tagSlug } from '../oci/tag-slug';

/** A stage's name in a tag: with a key, `-image` and a signature behind it, a tag has OCI's 128 characters at most. */
const maxNameCharacters = 56;
/** With `scope-` in front, of which a signature leaves 95. */
const maxScopeCharacters = 89;

/** Words that other tags of a cache repository begin with. */
const reservedWord = /^(?:scope|inputs)(?:-|$)/;

/** 32 hexadecimal digits: 128 bits. */
export type StageKey = string & { readonly __brand: 'StageKey' };

/** Tag of the cache of a stage: `<stage>-<key>`. Different stages have different tags even under one key. */
export function stageTag(stage: string, key: StageKey): string {
  return `${stageSlug(stage)}-${key}`;
}

/** Tag of the image that a build of the stage gave: `<stage>-<key>-image`. No stage's cache can have it. */
export function imageTag(stage: string, key: StageKey): string {
  return `${stageSlug(stage)}-${key}-image`;
}

/**
 * Tag of the mutable cache of one target on a branch: `scope-<branch>--<project>`, and more parts where a project has
 * several. Different parts never give the same tag.
 */
export function scopeTag(parts: readonly string[]): string {
  // Where it could not be told how the parts were put together, the zero forces a hash.
  const text = parts.every(isPlainPart) ? parts.join('--') : `${JSON.stringify(parts)}\0`;
  return `scope-${tagSlug(text, { maxCharacters: maxScopeCharacters, fallback: 's' })}`;
}

/** Tag of what the latest builds of one target were made from: `inputs-<lineage>`. */
export function inputsTag(lineage: StageKey): string {
  return `inputs-${lineage}`;
}

/** Without what separates parts, and not ending like a signature. */
function isPlainPart(part: string): boolean {
  return part !== '' && !/--|^-|-$|\0|\.[0-9a-f]{32}$/.test(part);
}

function stageSlug(stage: string): string {
  const options = { maxCharacters: maxNameCharacters, fallback: 'stage' };
  const slug = tagSlug(stage, options);
  // The colon, which no stage name has, forces a hash.
  return reservedWord.test(slug) ? tagSlug(`stage:${stage}`, options) : slug;
}
