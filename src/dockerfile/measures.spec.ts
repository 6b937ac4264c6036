import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseByteSize } from './byte-size';
import { parseDuration } from './duration';

test('durations are read in Go syntax', () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['0', 0],
    ['5s', 5e9],
    ['1h30m', 5400e9],
    ['1.5s', 1.5e9],
    ['.5ms', 500_000],
    ['-2us', -2000],
    ['3\u00b5s', 3000],
    ['1ns', 1],
    ['', undefined],
    ['5', undefined],
    ['s', undefined],
    ['1h 30m', undefined],
    ['1d', undefined],
    ['9999999h', undefined],
  ];
  for (const [text, expected] of cases) assert.equal(parseDuration(text), expected, text);
});

test('sizes are read in powers of 1024', () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['1024', 1024],
    ['64m', 64 * 2 ** 20],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['2KB', 2048],
    ['512 kb', 512 * 1024],
    ['10b', 10],
    ['-1', undefined],
    ['1x', undefined],
    ['1kbb', undefined],
    ['', undefined],
    ['1e3', undefined],
  ];
  for (const [text, expected] of cases) assert.equal(parseByteSize(text), expected, text);
});
