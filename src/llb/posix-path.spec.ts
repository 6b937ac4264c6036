import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'node:test';
import { baseName, cleanPath, joinPath, resolveDestination, resolvePath } from './posix-path';

const path = fc.array(fc.constantFrom('a', '.', '..', '', 'b c'), { maxLength: 6 }).map((parts) => parts.join('/'));

test('cleaning twice changes nothing, and leaves no final slash', () => {
  fc.assert(
    fc.property(path, (text) => {
      const clean = cleanPath(text);
      assert.equal(cleanPath(clean), clean);
      assert.ok(clean === '/' || !clean.endsWith('/'));
    }),
  );
});

test('a destination never leaves the root', () => {
  fc.assert(
    fc.property(path, path, (directory, text) => {
      const dest = resolveDestination(`/${directory}`, text);
      assert.ok(dest.startsWith('/') && !dest.split('/').includes('..'), dest);
    }),
  );
});

test("as in Go's path package", () => {
  assert.equal(cleanPath(''), '.');
  assert.equal(cleanPath('/../a//b/.'), '/a/b');
  assert.equal(joinPath('/', '', 'a/'), '/a');
  assert.equal(baseName('/a/b//'), 'b');
  assert.equal(baseName('/'), '/');
  assert.equal(baseName(''), '.');
});

test('an absolute path stays as written, an empty one is the directory', () => {
  assert.equal(resolvePath('/w', '/a/../b/'), '/a/../b/');
  assert.equal(resolvePath('/w', 'x/..'), '/w');
  assert.equal(resolvePath('/w/', ''), '/w/');
  assert.equal(resolvePath('', ''), '/');
});
