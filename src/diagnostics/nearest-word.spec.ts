import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestWord } from './nearest-word';

test('the nearest candidate is offered, or none', () => {
  const cases: readonly (readonly [string, readonly string[], string | undefined])[] = [
    ['FORM', ['RUN', 'FROM'], 'FROM'],
    ['copy', ['COPY', 'ADD'], 'COPY'],
    ['form', ['from', 'parents'], 'from'],
    ['from', ['from'], undefined],
    ['xyzzy', ['from', 'parents'], undefined],
    ['ad', ['ID', 'ADD'], 'ID'],
    ['', ['a'], undefined],
    ['a'.repeat(1000), ['a'.repeat(999)], undefined],
  ];
  for (const [word, candidates, expected] of cases) assert.equal(nearestWord(word, candidates), expected, word);
});
