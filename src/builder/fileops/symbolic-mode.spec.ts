import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { tempDirectory } from '../testing/temp-directory';
import { parseModeChange } from './symbolic-mode';

test('octal and symbolic modes', () => {
  const cases: [text: string, before: number, after: number, isDirectory?: boolean][] = [
    ['0755', 0o644, 0o755],
    ['4755', 0o644, 0o4755],
    ['u=rwX,go=rX', 0o600, 0o644],
    ['u=rwX,go=rX', 0o700, 0o755],
    ['u=rwX,go=rX', 0o600, 0o755, true],
    ['+x', 0o644, 0o755],
    ['a-w', 0o666, 0o444],
    ['g=u', 0o740, 0o770],
    ['a=u', 0o741, 0o777],
    ['go=u-w', 0o700, 0o755],
    ['u+s,g+s', 0o755, 0o6755],
    ['u=', 0o4755, 0o055],
    ['+t', 0o777, 0o1777],
    ['o+s', 0o755, 0o755],
    ['=r', 0o6777, 0o444],
    ['ug+rw-x', 0o111, 0o661],
  ];
  for (const [text, before, after, isDirectory = false] of cases) {
    assert.equal(parseModeChange(text)(before, isDirectory).toString(8), after.toString(8), text);
  }
  for (const text of ['', 'u', 'x', 'u+q', '888', '77777', 'u+r,', ',', 'r+u', '-1']) {
    assert.throws(() => parseModeChange(text), { code: 'FILE_OPERATION_FAILED' }, JSON.stringify(text));
  }
});

test('chmod(1) agrees', async (t) => {
  const directory = await tempDirectory(t);
  const path = join(directory, 'file');
  writeFileSync(path, '');
  mkdirSync(join(directory, 'dir'));
  const clause = fc
    .tuple(
      fc.constantFrom('u', 'g', 'o', 'a', 'ug', 'go'),
      fc.constantFrom('+', '-', '='),
      fc.constantFrom('r', 'rw', 'x', 'X', 'rX', '', 'u', 'g', 'o'),
    )
    .map((parts) => parts.join(''));
  const modes = fc.integer({ min: 0, max: 0o777 });
  fc.assert(
    fc.property(fc.array(clause, { minLength: 1, maxLength: 3 }), modes, (clauses, before) => {
      chmodSync(path, before);
      execFileSync('chmod', ['--', clauses.join(','), path]);
      const expected = statSync(path).mode & 0o7777;
      // GNU looks at the mode as it is at `X`, BSD and BuildKit at the one before the whole change.
      fc.pre(!clauses.some((text, index) => index > 0 && text.includes('X')));
      assert.equal(
        parseModeChange(clauses.join(','))(before, false),
        expected,
        `${clauses.join(',')} ${before.toString(8)}`,
      );
    }),
    { numRuns: 60 },
  );
});
