import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Diagnostic } from './diagnostic';
import { formatDiagnostics } from './format-diagnostics';

const base: Diagnostic = { code: 'SOME_CODE', severity: 'error', message: 'something is wrong' };

test('a place, the line with a caret, and the hint are printed', () => {
  const location = { file: 'app/Dockerfile', line: 3, column: 6, lineText: 'COPY --form=a b c' };
  const text = formatDiagnostics([{ ...base, hint: 'did you mean "--from"?', location }]);
  assert.equal(
    text,
    [
      'app/Dockerfile:3:6: error SOME_CODE: something is wrong',
      '  | COPY --form=a b c',
      '  |      ^',
      '  hint: did you mean "--from"?',
    ].join('\n'),
  );
});

test('what is not known is left out', () => {
  assert.equal(formatDiagnostics([]), '');
  assert.equal(formatDiagnostics([base]), 'error SOME_CODE: something is wrong');
  assert.equal(
    formatDiagnostics([{ ...base, severity: 'warning', location: { file: 'cacheTo[0]' } }, base]),
    'cacheTo[0]: warning SOME_CODE: something is wrong\n\nerror SOME_CODE: something is wrong',
  );
});

test('tabs before the caret stay tabs, control characters do not reach the terminal', () => {
  const location = { file: 'f', line: 1, column: 3, lineText: '\t\u001b[31mRUN' };
  assert.match(formatDiagnostics([{ ...base, location }]), /\n {2}\| \t\ufffd\[31mRUN\n {2}\| \t \^$/);
});

test('a long line is cut around the column', () => {
  const lineText = `${'a'.repeat(5000)}X${'b'.repeat(5000)}`;
  const text = formatDiagnostics([{ ...base, location: { file: 'f', line: 1, column: 5001, lineText } }]);
  const [, line = '', caret = ''] = text.split('\n');
  assert.ok(line.length < 200);
  assert.equal(line.charAt(caret.indexOf('^')), 'X');
});

test('of very many the first are shown, errors first, and the number of the others', () => {
  const warnings = Array.from({ length: 150 }, () => ({ ...base, severity: 'warning' as const }));
  const blocks = formatDiagnostics([...warnings, base]).split('\n\n');
  assert.equal(blocks.length, 101);
  assert.equal(blocks[0], 'error SOME_CODE: something is wrong');
  assert.equal(blocks.at(-1), '51 more are not shown');
});

test('marks of writing direction do not hide what a line says', () => {
  const location = { file: 'f', line: 1, column: 1, lineText: 'RUN \u202etxt' };
  assert.match(formatDiagnostics([{ ...base, location }]), /RUN \ufffdtxt/);
});
