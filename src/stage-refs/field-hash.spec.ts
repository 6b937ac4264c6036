import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { keyOf, type Field } from './field-hash';

const { field } = fc.letrec<{ field: Field }>((tie) => ({
  field: fc.oneof(
    { depthSize: 'small' },
    fc.string({ maxLength: 4 }),
    fc.integer({ min: 0, max: 20 }),
    fc.boolean(),
    fc.constant(undefined),
    fc.uint8Array({ maxLength: 3 }),
    fc.array(tie('field'), { maxLength: 3 }),
    fc.dictionary(fc.string({ maxLength: 3 }), tie('field'), { maxKeys: 3, noNullPrototype: true }),
  ),
}));

/** A text that two fields share only if they are the same value. */
function canonical(value: Field): string {
  if (value instanceof Uint8Array) return `bytes(${[...value].join()})`;
  if (Array.isArray(value)) return `[${(value as readonly Field[]).map(canonical).join(';')}]`;
  if (typeof value === 'object') {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([name, each]) => `${JSON.stringify(name)}=${canonical(each)}`).join(';')}}`;
  }
  return `${typeof value}:${JSON.stringify(value)}`;
}

test('keys are equal exactly if the fields are', () => {
  fc.assert(
    fc.property(field, field, (a, b) => {
      assert.equal(keyOf('p', { a }) === keyOf('p', { a: b }), canonical(a) === canonical(b));
    }),
    { numRuns: 3000 },
  );
});

test('neighbours do not run together, and order counts in lists only', () => {
  assert.notEqual(keyOf('p', { list: ['ab', 'c'] }), keyOf('p', { list: ['a', 'bc'] }));
  assert.notEqual(keyOf('p', { list: ['a', 'b'] }), keyOf('p', { list: ['b', 'a'] }));
  assert.equal(keyOf('p', { a: 1, b: 2 }), keyOf('p', { b: 2, a: 1 }));
  assert.notEqual(keyOf('p', { a: 1 }), keyOf('q', { a: 1 }));
  assert.match(keyOf('p', {}), /^[0-9a-f]{32}$/);
});
