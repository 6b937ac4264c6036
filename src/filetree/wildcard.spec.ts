import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileWildcard, containsWildcards, splitWildcards } from './wildcard';

test('patterns match as in Go', () => {
  const cases: [pattern: string, path: string, matched: boolean | undefined][] = [
    ['abc', 'abc', true],
    ['*', 'abc', true],
    ['*', 'a/b', false],
    ['a*', 'ab/c', false],
    ['a*/b', 'abc/b', true],
    ['a*b*c*d*e*/f', 'axbxcxdxe/f', true],
    ['a*b*c*d*e*/f', 'axbxcxdxexxx/fff', false],
    ['a*b?c*x', 'abxbbxdbxebxczzy', false],
    ['ab[c]', 'abc', true],
    ['ab[b-d]', 'abc', true],
    ['ab[^c]', 'abc', false],
    ['ab[^b-d]', 'abe', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'ab', false],
    ['a?b', 'a☺b', true],
    ['a?b', 'a/b', false],
    ['[a-ζ]*', 'α', true],
    ['[\\]a]', ']', true],
    ['[]a]', ']', undefined],
    ['[-x]', '-', undefined],
    ['[a-b-c]', 'a', undefined],
    ['[', 'a', undefined],
    ['a[', 'a', undefined],
    ['\\', 'a', undefined],
    ['*x', 'xxx', true],
  ];
  for (const [pattern, path, matched] of cases) assert.equal(compileWildcard(pattern)?.(path), matched, pattern);
});

test('many stars take no more than a moment', () => {
  const started = performance.now();
  assert.equal(compileWildcard('*a'.repeat(200) + 'b')?.('a'.repeat(2000)), false);
  assert.ok(performance.now() - started < 1000);
});

test('a path is split before its first wildcard', () => {
  assert.deepEqual(splitWildcards('a/b\\*/c*/d'), { base: 'a/b\\*', pattern: 'c*/d' });
  assert.deepEqual(splitWildcards('/a/b'), { base: 'a/b', pattern: '' });
  assert.equal(containsWildcards('a\\*'), false);
});
