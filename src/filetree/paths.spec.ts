import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodePathBytes, encodePathBytes } from './path-bytes';
import { baseName, cleanPath, compareNames, comparePaths, isWithin, joinPaths, parentPath } from './paths';

test('a path is made relative to the root, which .. cannot leave', () => {
  const cases: Record<string, string> = {
    '': '',
    '/': '',
    '.': '',
    './a//b/': 'a/b',
    '../../a': 'a',
    'a/./b/../c': 'a/c',
    '/..': '',
    'a\\b': 'a\\b',
  };
  for (const [path, clean] of Object.entries(cases)) assert.equal(cleanPath(path), clean, path);
});

test('parts of a path', () => {
  assert.equal(parentPath('a/b'), 'a');
  assert.equal(parentPath('a'), '');
  assert.equal(baseName('a/b'), 'b');
  assert.equal(joinPaths('', 'a'), 'a');
  assert.equal(joinPaths('a', ''), 'a');
  assert.ok(isWithin('a', 'a/b') && isWithin('', 'a') && !isWithin('a', 'ab'));
});

test('names are ordered by their UTF-8 bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (left, right) => {
      assert.equal(Math.sign(compareNames(left, right)), Buffer.compare(Buffer.from(left), Buffer.from(right)));
    }),
  );
});

test('a directory comes right before what is in it', () => {
  const paths = ['a.b', 'a/b', 'a', 'a/b/c', 'a-b'];
  assert.deepEqual(paths.sort(comparePaths), ['a', 'a/b', 'a/b/c', 'a-b', 'a.b']);
});

test('bytes that are not UTF-8 survive as a string', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      assert.deepEqual(encodePathBytes(decodePathBytes(Buffer.from(bytes))), Buffer.from(bytes));
    }),
  );
  assert.equal(decodePathBytes(Buffer.from('Főtanúsítvány')), 'Főtanúsítvány');
  assert.equal(decodePathBytes(Buffer.from([0x61, 0xff])), 'a\udcff');
});
