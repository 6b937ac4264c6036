import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '../diagnostics/coded-error';
import { startRegistryServer } from './server';

test('a port that is taken, a file instead of a directory and a place without any are errors with codes', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'nxrc-start-errors-'));
  t.after(() => rm(directory, { recursive: true }));
  await using server = await startRegistryServer({ root: join(directory, 'a/b') });
  assert.ok((await stat(join(directory, 'a/b'))).isDirectory());
  await assert.rejects(startRegistryServer({ root: directory, port: server.port }), (error) => {
    assert.ok(isCodedError(error, 'REGISTRY_SERVER_ADDRESS'), String(error));
    assert.match(error.hint ?? '', /another port/);
    return true;
  });
  await writeFile(join(directory, 'file'), '');
  for (const root of [join(directory, 'file'), join(directory, 'file/below'), '/proc/none/below']) {
    await assert.rejects(startRegistryServer({ root }), (error) => isCodedError(error, 'REGISTRY_SERVER_ROOT'), root);
  }
});
