import assert from 'node:assert/strict';
import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { TemporaryDirectory } from '../testing/temporary-directory';
import { fileSystemError } from './system-error';

const failureOf = (task: Promise<unknown>): Promise<unknown> =>
  task.then(
    () => assert.fail('it worked'),
    (error: unknown) => error,
  );

test('what the operating system refuses has a code, the place and a hint', async () => {
  await using directory = await TemporaryDirectory.create();
  const file = directory.join('file');
  await writeFile(file, '');
  const below = fileSystemError(await failureOf(mkdir(directory.join('file/sub'))));
  assert.equal(below?.message, `not a directory (ENOTDIR at mkdir of ${directory.join('file/sub')})`);
  assert.equal(below.hint, 'a file is where a directory is meant to be');
  assert.deepEqual(below.detail, { errno: 'ENOTDIR', path: directory.join('file/sub') });
  assert.ok(below.cause instanceof Error);
  const moved = fileSystemError(await failureOf(rename(file, directory.path)));
  assert.match(String(moved?.message), /at rename of .*file -> /);
  const odd = fileSystemError(await failureOf(readFile(directory.join('\u001b[31m'))));
  assert.match(String(odd?.message), /ENOENT at open of .*\ufffd\[31m/);
});

test('a full disk says how to go around it', { skip: process.platform !== 'linux' && 'needs /dev/full' }, async () => {
  await using full = await open('/dev/full', 'w');
  const error = fileSystemError(await failureOf(full.write('x')));
  assert.equal(error?.message, 'no space left on device (ENOSPC at write)');
  assert.match(String(error.hint), /stateDir/);
});

test('bugs, and errors that are not about files, are none', () => {
  assert.equal(fileSystemError(new TypeError('x is not a function')), undefined);
  assert.equal(fileSystemError(Object.assign(new Error('reset'), { code: 'ECONNRESET', syscall: 'read' })), undefined);
  assert.equal(fileSystemError(Object.assign(new Error('no'), { code: 'ENOENT' })), undefined);
  assert.equal(fileSystemError('ENOENT'), undefined);
});
