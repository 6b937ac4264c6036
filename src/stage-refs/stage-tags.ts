import { tagSlug } from '../oci/tag-slug';

/** A stage's name in a tag; with a key and `-image` behind it, a tag stays far below OCI's 128 characters. */
const maxNameCharacters = 63;
const maxScopeCharacters = 100;

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

/** Tag of the mutable cache of a branch or another scope: `scope-<slug>`. */
export function scopeTag(scope: string): string {
  return `scope-${tagSlug(scope, { maxCharacters: maxScopeCharacters, fallback: 's' })}`;
}

/** Tag of what the latest builds of one target were made from: `inputs-<lineage>`. */
export function inputsTag(lineage: StageKey): string {
  return `inputs-${lineage}`;
}

function stageSlug(stage: string): string {
  const options = { maxCharacters: maxNameCharacters, fallback: 'stage' };
  const slug = tagSlug(stage, options);
  // The colon, which no stage name has, forces a hash.
  return reservedWord.test(slug) ? tagSlug(`stage:${stage}`, options) : slug;
}
