import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesPattern } from './pattern';
import { readTagName } from './tag-name';

const key = '0123456789abcdef0123456789abcdef';

test('tags are told apart by their names', () => {
  const kinds: readonly (readonly [string, string])[] = [
    [`deps-${key}`, 'stage'],
    [`stage-0-${key}`, 'stage'],
    [`scope-like-1234567890-${key}`, 'scope'],
    [`app-${key}-image`, 'image'],
    [`inputs-${key}`, 'inputs'],
    [`inputs-${key}-image`, 'other'],
    ['scope-main', 'scope'],
    ['latest', 'other'],
    [`app-${key}x`, 'other'],
    [`app-${key.toUpperCase()}`, 'other'],
    [`latest.${key}`, 'other'],
    [`v1.${key}`, 'other'],
  ];
  for (const [tag, kind] of kinds) assert.equal(readTagName(tag).kind, kind, tag);
});

test('a signature is a companion of the tag that it extends', () => {
  for (const of of [`app-${key}`, `app-${key}-image`, 'scope-main', `inputs-${key}`]) {
    assert.deepEqual(readTagName(`${of}.${key}`), { tag: `${of}.${key}`, kind: 'companion', of });
  }
});

test('a star in a pattern stands for anything', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['main', 'main', true],
    ['main', 'mainx', false],
    ['*', '', true],
    ['a*', 'abc', true],
    ['a*c', 'abc', true],
    ['ab*bc', 'abc', false],
    ['a*b*c', 'a-b-c', true],
    ['a*bb*c', 'a-b-c', false],
    ['*-image', 'x-image', true],
    ['a.c', 'abc', false],
    ['a*x*x', 'axx', true],
    ['a*x*x', 'ax', false],
  ];
  for (const [pattern, text, expected] of cases) assert.equal(matchesPattern(pattern, text), expected, pattern);
});
