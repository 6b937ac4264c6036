import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { maxJsonDepth, parseStrictJson } from './strict-json';

const parse = (text: string) => parseStrictJson(Buffer.from(text), { maxBytes: 1 << 20 });

const refused: readonly (readonly [name: string, text: string, reason: RegExp])[] = [
  ['a key that stands twice', '{"a":1,"a":2}', /"a" stands twice/],
  ['a key that stands twice in another spelling', '{"a":1,"\\u0061":2}', /"a" stands twice/],
  ['a key that stands twice deep inside', '{"x":[{"b":{},"c":[],"b":0}]}', /"b" stands twice/],
  ['the prototype key', '{"__proto__":{"x":1}}', /__proto__/],
  ['the prototype key, escaped', '{"a":[{"\\u005f_proto__" : 1}]}', /__proto__/],
  ['trailing text', '{} {}', /not JSON/],
  ['a byte order mark', '\ufeff{}', /not JSON/],
  ['an open string', '{"a', /not JSON/],
  ['deep nesting', '['.repeat(maxJsonDepth + 1) + ']'.repeat(maxJsonDepth + 1), /deeper/],
  ['very deep nesting', '[{"a":'.repeat(100_000), /deeper/],
];

for (const [name, text, reason] of refused) {
  test(`JSON with ${name} is refused`, () => {
    const result = parse(text);
    assert.ok(!result.ok);
    assert.match(result.reason, reason);
  });
}

test('JSON that is too large or not UTF-8 is refused', () => {
  assert.ok(!parseStrictJson(Buffer.from('[1]'), { maxBytes: 2 }).ok);
  assert.ok(!parseStrictJson(Buffer.from([0x22, 0xff, 0x22]), { maxBytes: 9 }).ok);
});

test('strings that look like keys are not keys', () => {
  assert.ok(parse('{"a":"a","b":["a","a"],"c":"\\"a\\":1","d":"\\\\"}').ok);
  assert.ok(parse('[{"a":1},{"a":1}]').ok);
});

test('what JSON.stringify writes is read as it was', () => {
  const hasProto = (text: string): boolean => /__proto__/.test(text);
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      fc.pre(!hasProto(text));
      assert.deepEqual(parse(text), { ok: true, value: JSON.parse(text) as unknown });
    }),
  );
});
