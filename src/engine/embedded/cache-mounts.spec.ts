import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CacheMounts } from './cache-mounts';

async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'nxrc-cache-mounts-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test('what one step leaves in a cache directory is there for the next', async (t) => {
  const root = await temporaryDirectory(t);
  const first = await new CacheMounts(root).acquire({ id: 'npm', sharing: 'shared' });
  await writeFile(join(first.directory, 'x'), '1');
  await first.release();
  const second = await new CacheMounts(root).acquire({ id: 'npm', sharing: 'locked' });
  assert.deepEqual(await readdir(second.directory), ['x']);
  const other = await new CacheMounts(root).acquire({ id: 'npm', baseId: 'base', sharing: 'shared' });
  assert.deepEqual(await readdir(other.directory), []);
});

test('a locked directory is handed over when it is released', async (t) => {
  const mounts = new CacheMounts(await temporaryDirectory(t));
  const first = await mounts.acquire({ id: 'a', sharing: 'locked' });
  const order: string[] = [];
  const second = mounts.acquire({ id: 'a', sharing: 'locked' }).then((mount) => {
    order.push('second');
    return mount;
  });
  await new Promise((resolve) => setTimeout(resolve, 150));
  order.push('release');
  await first.release();
  assert.equal((await second).directory, first.directory);
  assert.deepEqual(order, ['release', 'second']);
});

test('waiting for a locked directory ends with the build', async (t) => {
  const mounts = new CacheMounts(await temporaryDirectory(t));
  await mounts.acquire({ id: 'a', sharing: 'locked' });
  const waiting = mounts.acquire({ id: 'a', sharing: 'locked' }, { signal: AbortSignal.timeout(50) });
  await assert.rejects(waiting, { name: 'AbortError' });
});

test('a private directory that is in use is not shared', async (t) => {
  const mounts = new CacheMounts(await temporaryDirectory(t));
  const first = await mounts.acquire({ id: 'a', sharing: 'private' });
  const second = await mounts.acquire({ id: 'a', sharing: 'private' });
  assert.notEqual(second.directory, first.directory);
  await first.release();
  assert.equal((await mounts.acquire({ id: 'a', sharing: 'private' })).directory, first.directory);
});

test('a directory held by a process that died is free', async (t) => {
  const root = await temporaryDirectory(t);
  const mounts = new CacheMounts(root);
  const first = await mounts.acquire({ id: 'a', sharing: 'locked' });
  await writeFile(`${first.directory}.owner`, '4194304');
  assert.equal((await mounts.acquire({ id: 'a', sharing: 'locked' })).directory, first.directory);
});

test('a new directory that cannot be filled is filled anew by the next', async (t) => {
  const mounts = new CacheMounts(await temporaryDirectory(t));
  const broken = mounts.acquire({
    id: 'a',
    sharing: 'locked',
    populate: async (directory) => {
      await writeFile(join(directory, 'half'), '');
      throw new Error('no');
    },
  });
  await assert.rejects(broken, /no/);
  const whole = await mounts.acquire({ id: 'a', sharing: 'locked' });
  assert.deepEqual(await readdir(whole.directory), []);
});
