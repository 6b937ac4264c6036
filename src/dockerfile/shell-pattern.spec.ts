import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseShellPattern, removePrefix, removeSuffix, replaceMatches } from './shell-pattern';

/** The same pattern as a regular expression, for short texts where backtracking does not matter. */
function regularExpression(pattern: string, star: string): string {
  return Array.from(pattern, (character) => (character === '*' ? star : character === '?' ? '.' : character)).join('');
}

const pattern = fc.array(fc.constantFrom('a', 'b', '*', '?'), { maxLength: 5 }).map((parts) => parts.join(''));
const value = fc.array(fc.constantFrom('a', 'b', '\n'), { maxLength: 8 }).map((parts) => parts.join(''));

test('matching agrees with regular expressions', () => {
  fc.assert(
    fc.property(pattern, value, (text, subject) => {
      const parsed = parseShellPattern(text);
      assert.ok(parsed !== undefined);
      for (const [length, star] of [
        ['shortest', '.*?'],
        ['longest', '.*'],
      ] as const) {
        const source = regularExpression(text, star);
        assert.equal(removePrefix(subject, parsed, length), subject.replace(new RegExp(`^${source}`), ''));
        const reversed = regularExpression(Array.from(text).reverse().join(''), star);
        const backwards = Array.from(subject)
          .reverse()
          .join('')
          .replace(new RegExp(`^${reversed}`), '');
        assert.equal(removeSuffix(subject, parsed, length), Array.from(backwards).reverse().join(''));
      }
      const greedy = regularExpression(text, '.*');
      assert.equal(replaceMatches(subject, parsed, '_', 'first'), subject.replace(new RegExp(greedy), '_'));
    }),
  );
});

test('every match is replaced, empty ones too unless they touch the one before', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['abc', '', '-a-b-c-'],
    ['baaac', 'a', 'b---c'],
    ['abab', 'a*', '-'],
    ['a\nb', '*', '-\n-'],
    ['\u{1f600}x', '?', '--'],
  ];
  for (const [subject, text, expected] of cases) {
    assert.equal(replaceMatches(subject, parseShellPattern(text) ?? [], '-', 'all'), expected, `${subject} ${text}`);
  }
});

test('a backslash escapes wildcards and itself only', () => {
  assert.deepEqual(parseShellPattern('\\*\\?\\\\'), [
    { kind: 'character', value: '*' },
    { kind: 'character', value: '?' },
    { kind: 'character', value: '\\' },
  ]);
  assert.deepEqual(parseShellPattern('\\/\\}'), [
    { kind: 'character', value: '/' },
    { kind: 'character', value: '}' },
  ]);
  assert.equal(parseShellPattern('\\x'), undefined);
  assert.equal(parseShellPattern('x\\'), undefined);
});
