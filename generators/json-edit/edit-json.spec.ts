import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJsonText } from '../../src/inference/json-text';
import { appendInJson, findInJson, setInJson } from './edit-json';

test('a property is added after the last one, and comments, order and indentation stay', () => {
  const text = '{\n    // why\n    "a": 1, // one\n    "b": { "c": [1, 2] } // two\n}\n';
  assert.equal(
    setInJson(text, ['d', 'e'], ['x']),
    '{\n    // why\n    "a": 1, // one\n    "b": { "c": [1, 2] }, // two\n    "d": {\n        "e": ["x"]\n    }\n}\n',
  );
  assert.equal(setInJson(text, ['b', 'c', 1], 3), text.replace('[1, 2]', '[1, 3]'));
  assert.equal(setInJson(text, ['b', 'x'], true), text.replace('] }', '], "x": true }'));
});

test('lists grow in their own style', () => {
  assert.equal(appendInJson('{"p": ["a"]}', ['p'], { q: 1 }), '{"p": ["a", { "q": 1 }]}');
  assert.equal(
    appendInJson('{\n\t"p": [\n\t\t"a", // last\n\t]\n}', ['p'], 'b'),
    '{\n\t"p": [\n\t\t"a", // last\n\t\t"b",\n\t]\n}',
  );
  assert.equal(appendInJson('{}\n', ['p'], 'a'), '{\n  "p": ["a"]\n}\n');
  assert.equal(appendInJson('{\n  "p": []\n}', ['p'], { a: 1 }), '{\n  "p": [\n    {\n      "a": 1\n    }\n  ]\n}');
});

test('lines end as the file has them', () => {
  assert.equal(setInJson('{\r\n  "a": 1\r\n}\r\n', ['b'], 2), '{\r\n  "a": 1,\r\n  "b": 2\r\n}\r\n');
});

test('what is no JSON is refused', () => {
  for (const text of ['{', '{"a" 1}', '[1 2]', '{} x', '']) assert.throws(() => setInJson(text, ['a'], 1), text);
});

test('whatever the file is, the edit says what was asked and changes nothing else', () => {
  const keys = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 });
  const object = fc.dictionary(fc.constantFrom('a', 'b', 'd', 'e'), fc.jsonValue());
  fc.assert(
    fc.property(object, keys, fc.jsonValue(), fc.constantFrom(undefined, 2, '\t'), (value, path, added, indent) => {
      const text = JSON.stringify(value, undefined, indent);
      let edited: string;
      try {
        edited = setInJson(text, path, added);
      } catch {
        return;
      }
      const expected = JSON.parse(text) as Record<string, unknown>;
      let inner = expected;
      for (const key of path.slice(0, -1)) inner = (inner[key] ??= {}) as Record<string, unknown>;
      inner[path.at(-1)!] = JSON.parse(JSON.stringify(added)) as unknown;
      assert.deepEqual(parseJsonText(edited), expected);
      assert.notEqual(findInJson(edited, path), undefined);
    }),
  );
});
