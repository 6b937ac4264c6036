import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import { test } from 'node:test';
import { structuralDigest } from './structural-digest';

const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    fc.string({ maxLength: 3 }),
    fc.integer({ min: -3, max: 30 }),
    fc.boolean(),
    fc.uint8Array({ maxLength: 2 }),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'ab'), tie('any')),
  ),
})).any;

test('digests are equal exactly where values are', () => {
  fc.assert(
    fc.property(value, value, (a, b) => {
      assert.equal(structuralDigest(a) === structuralDigest(b), isDeepStrictEqual(withoutSigns(a), withoutSigns(b)));
    }),
    { numRuns: 500 },
  );
});

/** Objects of fast-check may have no prototype, and -0 is written like 0. */
function withoutSigns(plain: unknown): unknown {
  if (plain instanceof Uint8Array) return plain;
  if (Array.isArray(plain)) return plain.map(withoutSigns);
  if (typeof plain !== 'object' || plain === null) return plain === 0 ? 0 : plain;
  return Object.fromEntries(Object.entries(plain).map(([key, item]) => [key, withoutSigns(item)]));
}

test('neither the order of keys nor an undefined one counts, but every boundary does', () => {
  assert.equal(structuralDigest({ a: 1, b: 2, c: undefined }), structuralDigest({ b: 2, a: 1 }));
  assert.notEqual(structuralDigest(['a', 'b']), structuralDigest(['ab']));
  assert.notEqual(structuralDigest([['a'], 'b']), structuralDigest([['a', 'b']]));
  assert.notEqual(structuralDigest('1'), structuralDigest(1));
  assert.notEqual(structuralDigest({ a: 'b' }), structuralDigest(['a', 'b']));
  assert.equal(structuralDigest(1n), structuralDigest(1));
});
