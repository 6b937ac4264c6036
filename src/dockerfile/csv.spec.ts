import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { splitCsvFields } from './csv';

test('fields are split as Go does it', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['type=registry,ref=a/b:c', ['type=registry', 'ref=a/b:c']],
    ['a,,b,', ['a', '', 'b', '']],
    ['"a,b",c', ['a,b', 'c']],
    ['"say ""hi""","",x', ['say "hi"', '', 'x']],
    [' a , b ', [' a ', ' b ']],
    ['a\r\n', ['a']],
  ];
  for (const [text, fields] of cases) assert.deepEqual(splitCsvFields(text), { fields }, text);
});

test('a misplaced quote is an error with its column', () => {
  const cases: readonly (readonly [string, readonly string[], number])[] = [
    ['a,b"c', ['a'], 4],
    ['a,"bc', ['a'], 3],
    ['"a"b,c', [], 3],
    ['', [], 1],
  ];
  for (const [text, fields, column] of cases) {
    const result = splitCsvFields(text);
    assert.deepEqual(result.fields, fields, text);
    assert.equal(result.error?.column, column, text);
  }
});

test('what was quoted comes back', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1 }), (fields) => {
      const text = fields.map((field) => `"${field.replaceAll('"', '""')}"`).join(',');
      assert.deepEqual(splitCsvFields(text), { fields });
    }),
  );
});
