import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goDuration, goQuote } from './go-format';

test("durations as Go's time.Duration prints them", () => {
  const second = 1e9;
  const table: readonly (readonly [number, string])[] = [
    [0, '0s'],
    [1, '1ns'],
    [1_500, '1.5µs'],
    [2_000_000, '2ms'],
    [second, '1s'],
    [1.5 * second, '1.5s'],
    [60 * second, '1m0s'],
    [90 * second, '1m30s'],
    [3600 * second, '1h0m0s'],
    [3661.001 * second, '1h1m1.001s'],
    [-second, '-1s'],
  ];
  for (const [nanoseconds, text] of table) assert.equal(goDuration(nanoseconds), text);
});

test("strings as Go's %q prints them", () => {
  assert.equal(
    goQuote('a "b" \\ \n\t\u0000\u001b ü ☃ 😀 \u00a0\u200b'),
    '"a \\"b\\" \\\\ \\n\\t\\x00\\x1b ü ☃ 😀 \\u00a0\\u200b"',
  );
});
