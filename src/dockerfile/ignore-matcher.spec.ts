import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ignoreFileFor, parseIgnoreFile } from './ignore-file';
import { createIgnoreMatcher, type IgnoreMatcher } from './ignore-matcher';

function matcherOf(...patterns: readonly string[]): IgnoreMatcher {
  const { matcher, diagnostics } = createIgnoreMatcher(patterns, '.dockerignore');
  assert.deepEqual(diagnostics, []);
  return matcher;
}

test('an ignore file is read line by line', () => {
  const text = '\ufeff# comment\n  /a/./b//c/ \r\n\n! /d/../e\n #kept\n!\n/\nx/..\n**/*.md';
  assert.deepEqual(parseIgnoreFile(text), ['a/b/c', '!e', '#kept', '!', '/', '.', '**/*.md']);
  assert.equal(ignoreFileFor('app/Dockerfile'), 'app/Dockerfile.dockerignore');
});

test('one pattern', () => {
  const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['a', ['a', 'a/b', 'a/b/c'], ['b', 'b/a', 'ab']],
    ['*', ['a', '.a', 'a/b'], []],
    ['*/b', ['a/b', 'a/b/c'], ['b', 'a/c/b']],
    ['a?c', ['abc', 'a\u{1f600}c'], ['ac', 'a/c', 'abbc']],
    ['**/node_modules', ['node_modules', 'a/node_modules/x', 'a/b/node_modules'], ['a_node_modules']],
    ['**/*.js', ['a.js', 'b/c.js', '.js'], ['a.ts', 'js']],
    ['a/**', ['a/b', 'a/b/c'], ['a', 'ab/c']],
    ['a/**/z', ['a/z', 'a/b/c/z'], ['a/bz', 'z']],
    ['**', ['a', 'a/b'], []],
    ['**log', ['log', 'a.log', 'x/b.log'], ['log2']],
    ['**l?g', ['log', 'x/log'], ['a.log']],
    ['[a-cx].txt', ['b.txt', 'x.txt'], ['d.txt', 'bb.txt']],
    ['[^a].txt', ['b.txt'], ['a.txt']],
    ['[\\]\\-].txt', ['].txt', '-.txt'], ['\\.txt']],
    ['a\\*b', ['a*b'], ['axb', 'a\\*b']],
    ['a.b+(c)|{d}$', ['a.b+(c)|{d}$'], ['axb+(c)|{d}$']],
    ['./a/../b/', ['b', 'b/c'], ['a']],
    ['dir/sub', ['dir/sub/x'], ['dir', 'sub', 'x/dir/sub']],
  ];
  for (const [pattern, ignored, kept] of cases) {
    const matcher = matcherOf(pattern);
    for (const path of ignored) assert.ok(matcher.isIgnored(path), `${pattern} should match ${path}`);
    for (const path of kept) assert.ok(!matcher.isIgnored(path), `${pattern} should not match ${path}`);
  }
});

test('the last pattern that matches counts', () => {
  const matcher = matcherOf('src', '!src/a.js', '**/*.md', '!README.md', 'docs', '!docs/*.txt', 'docs/x.txt');
  const expected = {
    'src/b.js': true,
    'src/a.js': false,
    'lib/x.md': true,
    'README.md': false,
    'docs/a.txt': false,
    'docs/x.txt': true,
    'docs/deep/a.txt': true,
    'src/a.js.bak': true,
  };
  for (const [path, ignored] of Object.entries(expected)) assert.equal(matcher.isIgnored(path), ignored, path);
  assert.ok(matcher.hasNegations);
  assert.ok(!matcherOf('a').hasNegations);
});

test('a directory is skipped unless something below it may be taken back in', () => {
  const skippable = (patterns: readonly string[], path: string): boolean =>
    matcherOf(...patterns).decide(path).skippable;
  assert.ok(skippable(['node_modules'], 'node_modules'));
  assert.ok(skippable(['node_modules', '!src/a'], 'node_modules'));
  assert.ok(skippable(['a*', '!ab/c'], 'a'));
  assert.ok(skippable(['**/x', '!*/y'], 'a/x'));
  assert.ok(!skippable(['a', '!a/b/c'], 'a'));
  assert.ok(!skippable(['**', '!**/*.md'], 'a'));
  assert.ok(!skippable(['*', '!?/keep'], 'a'));
  assert.ok(!skippable(['b'], 'a'));
});

test('the root is never ignored', () => {
  const matcher = matcherOf('**', '.');
  assert.ok(!matcher.isIgnored('.'));
  assert.ok(!matcher.isIgnored(''));
});

test('malformed patterns are told and left out', () => {
  for (const pattern of ['[', '[]', '[a', '[]a]', '[-a]', '[a-]', '[z-a]', 'a\\', '!', '![']) {
    const { matcher, diagnostics } = createIgnoreMatcher(['x', pattern], 'app.dockerignore');
    assert.deepEqual(
      diagnostics.map(({ code, location }) => [code, location?.file]),
      [['IGNORE_PATTERN', 'app.dockerignore']],
      pattern,
    );
    assert.ok(matcher.isIgnored('x'));
  }
});

const segment = fc.constantFrom('a', 'b', 'ab', '*', '**', '?', 'a*', '[ab]', '*b');
const pattern = fc
  .tuple(fc.boolean(), fc.array(segment, { minLength: 1, maxLength: 4 }))
  .map(([negated, segments]) => (negated ? '!' : '') + segments.join('/'));
const patterns = fc.array(pattern, { maxLength: 6 });
const names = fc.array(fc.constantFrom('a', 'b', 'ab', 'c'), { minLength: 1, maxLength: 5 });

test('below a directory that may be skipped, everything is ignored', () => {
  fc.assert(
    fc.property(patterns, names, names, (written, directory, below) => {
      const { matcher } = createIgnoreMatcher(written, 'x');
      let parent: readonly boolean[] = [];
      let skippable = false;
      for (let depth = 1; depth <= directory.length; depth++) {
        ({ match: parent, skippable } = matcher.decide(directory.slice(0, depth).join('/'), parent));
      }
      if (skippable) assert.ok(matcher.isIgnored([...directory, ...below].join('/')));
    }),
    { numRuns: 3000 },
  );
});

test('a directory that is ignored without negations takes all that is in it along', () => {
  fc.assert(
    fc.property(patterns, names, names, (written, directory, below) => {
      const plain = written.filter((text) => !text.startsWith('!'));
      const { matcher } = createIgnoreMatcher(plain, 'x');
      const path = directory.join('/');
      if (matcher.isIgnored(path)) assert.ok(matcher.isIgnored(`${path}/${below.join('/')}`));
      assert.equal(matcher.decide(path).skippable, matcher.decide(path).ignored);
    }),
  );
});

test('any text is a pattern or malformed, and no pattern takes long', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (text, path) => {
      createIgnoreMatcher(parseIgnoreFile(text), 'x').matcher.isIgnored(path);
    }),
  );
  const start = performance.now();
  assert.ok(!matcherOf('*a*a*a*a*a*a*a*a*b').isIgnored('a'.repeat(5000)));
  assert.ok(!matcherOf('**/a/**/a/**/a/**/b').isIgnored(Array.from({ length: 200 }, () => 'a').join('/')));
  assert.ok(performance.now() - start < 5000);
});
