import type { TagName } from './contract';

const companionSuffix = /^(.+)\.[0-9a-f]{32}$/;
const stageTag = /^.+-[0-9a-f]{32}$/;
const imageTag = /^.+-[0-9a-f]{32}-image$/;
const inputsTag = /^inputs-[0-9a-f]{32}$/;

/** Says of a tag what it is for, by its name alone. */
export function readTagName(tag: string): TagName {
  const of = companionSuffix.exec(tag)?.[1];
  if (of !== undefined && ownKind(of) !== 'other') return { tag, kind: 'companion', of };
  return { tag, kind: ownKind(tag) };
}

function ownKind(tag: string): 'stage' | 'image' | 'scope' | 'inputs' | 'other' {
  if (inputsTag.test(tag)) return 'inputs';
  // No stage's tag begins with these words.
  if (tag.startsWith('inputs-')) return 'other';
  if (tag.startsWith('scope-')) return 'scope';
  if (imageTag.test(tag)) return 'image';
  return stageTag.test(tag) ? 'stage' : 'other';
}
