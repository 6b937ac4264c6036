import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isTag } from '../oci/reference';
import { keyOf } from './field-hash';
import { imageTag, inputsTag, scopeTag, stageTag, type StageKey } from './stage-tags';

const key = fc.string().map((text) => keyOf('test', { text }));
const name = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.stringMatching(/^[a-z][a-z0-9_.-]{0,80}$/),
  fc.constantFrom('scope', 'scope-main', 'inputs', '.scope', 'image', 'deps-image', '-', ''),
  // What looks like a slug or a tag of another name.
  fc
    .tuple(fc.constantFrom('a', 'scope', 'stage-scope'), fc.stringMatching(/^[0-9a-f]{10}$/))
    .map((each) => each.join('-')),
  fc.tuple(fc.constantFrom('a', 'scope'), key).map((each) => each.join('-')),
);

type Make = (name: string, key: StageKey) => string;
const kinds: readonly Make[] = [stageTag, imageTag, (scope) => scopeTag([scope]), (_, lineage) => inputsTag(lineage)];

test('every tag is one by the grammar of OCI, whatever the name', () => {
  fc.assert(
    fc.property(name, key, fc.constantFrom(...kinds), (text, hash, make) => assert.ok(isTag(make(text, hash)))),
    { numRuns: 2000 },
  );
});

test('names of stages that need no change stand in their tags as they are', () => {
  const hash = keyOf('test', {});
  assert.equal(stageTag('build.x64_a-b', hash), `build.x64_a-b-${hash}`);
  assert.equal(imageTag('app', hash), `app-${hash}-image`);
  assert.equal(scopeTag(['main']), 'scope-main');
  assert.match(scopeTag(['feature/x']), /^scope-feature-x-[0-9a-f]{10}$/);
});

test('different names, keys and kinds never have one tag', () => {
  const made = fc.tuple(name, key, fc.nat(kinds.length - 1));
  fc.assert(
    fc.property(made, made, ([nameA, keyA, kindA], [nameB, keyB, kindB]) => {
      const a = kinds[kindA]?.(nameA, keyA);
      const b = kinds[kindB]?.(nameB, keyB);
      const sameName = kindA === 3 || nameA === nameB;
      const sameKey = kindA === 2 || keyA === keyB;
      assert.equal(a === b, kindA === kindB && sameName && sameKey, `${a} and ${b}`);
    }),
    { numRuns: 5000 },
  );
});
