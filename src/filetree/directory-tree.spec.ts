import assert from 'node:assert/strict';
import { chmod, link, mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { FileTree, PathFilter } from './contract';
import { DirectoryTree } from './directory-tree';
import { joinPaths } from './paths';
import { readAll } from './read-file';

async function context(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'nx-registry-cache-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function walk(tree: FileTree, path = ''): Promise<string[]> {
  const found: string[] = [];
  for (const name of await tree.list(path)) {
    const child = joinPaths(path, name);
    const entry = await tree.lookup(child);
    found.push(`${entry?.type.charAt(0) ?? '?'}${entry?.mode.toString(8) ?? ''} ${child}`);
    found.push(...(await walk(tree, child)));
  }
  return found;
}

/** Leaves out paths that end with one of `ignored`, except `taken` below them. */
function filter(ignored: readonly string[], taken: readonly string[] = []): PathFilter {
  return {
    decide(path, parent = []) {
      const hit = parent[0] === true || ignored.some((name) => path === name || path.endsWith(`/${name}`));
      const skippable = hit && !taken.some((name) => name.startsWith(`${path}/`));
      return { ignored: hit && !taken.includes(path), skippable, match: [hit] };
    },
  };
}

test('modes are as git has them and owners are root', async (t) => {
  const root = await context(t);
  await mkdir(join(root, 'dir'), { mode: 0o700 });
  await writeFile(join(root, 'dir', 'run'), '', { mode: 0o700 });
  await writeFile(join(root, 'secret'), 'text', { mode: 0o600 });
  await chmod(join(root, 'secret'), 0o4616);
  await utimes(join(root, 'secret'), 5, 5.5);
  await symlink('dir/run', join(root, 'link'));
  const tree = new DirectoryTree(root);
  assert.deepEqual(await walk(tree), ['d755 dir', 'f755 dir/run', 's777 link', 'f644 secret']);
  const entry = await tree.lookup('secret');
  assert.deepEqual(entry, {
    ...{ path: 'secret', type: 'file', mode: 0o644, uid: 0, gid: 0 },
    ...{ mtimeNs: 5_500_000_000n, size: 4 },
  });
  assert.equal((await readAll(await tree.open('secret'), 100))?.toString(), 'text');
  assert.equal((await tree.lookup('link'))?.linkTarget, 'dir/run');
  assert.equal((await tree.lookup(''))?.type, 'directory');
});

test('nothing is reached through a symlink', async (t) => {
  const outside = await context(t);
  await writeFile(join(outside, 'passwd'), 'x');
  const root = await context(t);
  await symlink(outside, join(root, 'etc'));
  const tree = new DirectoryTree(root);
  assert.equal(await tree.lookup('etc/passwd'), undefined);
  assert.deepEqual(await tree.list('etc'), []);
  await assert.rejects(tree.open('etc/passwd'));
  await assert.rejects(tree.open('etc'));
});

test('a file that becomes a symlink after it was listed is not followed', async (t) => {
  const root = await context(t);
  await writeFile(join(root, 'a'), 'aaa');
  await writeFile(join(root, 'b'), 'bbb');
  const tree = new DirectoryTree(root);
  await tree.lookup('a');
  await rename(join(root, 'b'), join(root, 'c'));
  await rm(join(root, 'a'));
  await symlink('c', join(root, 'a'));
  await assert.rejects(tree.open('a'));
});

test('hard links are recognised and sockets are left out', async (t) => {
  const root = await context(t);
  await writeFile(join(root, 'a'), 'x');
  await link(join(root, 'a'), join(root, 'b'));
  const server = createServer().listen(join(root, 'socket'));
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const tree = new DirectoryTree(root);
  assert.deepEqual(await tree.list(''), ['a', 'b']);
  const [a, b] = [await tree.lookup('a'), await tree.lookup('b')];
  assert.ok(a?.inode !== undefined && a.inode === b?.inode);
  assert.equal(await tree.lookup('socket'), undefined);
});

test('ignored paths are not there, except what is taken back in and the way to it', async (t) => {
  const root = await context(t);
  await mkdir(join(root, 'node_modules', 'kept', 'deep'), { recursive: true });
  await writeFile(join(root, 'node_modules', 'kept', 'deep', 'file'), '');
  await writeFile(join(root, 'node_modules', 'other'), '');
  await mkdir(join(root, 'src', 'node_modules'), { recursive: true });
  await writeFile(join(root, 'src', 'index'), '');
  const plain = new DirectoryTree(root, { ignore: filter(['node_modules']) });
  assert.deepEqual(await walk(plain), ['d755 src', 'f644 src/index']);
  assert.equal(await plain.lookup('node_modules/other'), undefined);
  const taken = ['node_modules/kept/deep/file'];
  const excepted = new DirectoryTree(root, { ignore: filter(['node_modules'], taken) });
  assert.deepEqual(await walk(excepted), [
    'd755 node_modules',
    'd755 node_modules/kept',
    'd755 node_modules/kept/deep',
    'f644 node_modules/kept/deep/file',
    'd755 src',
    'f644 src/index',
  ]);
});

test('a big file is streamed, and a file that shrank fails', async (t) => {
  const root = await context(t);
  await writeFile(join(root, 'big'), Buffer.alloc(700_000, 'b'));
  await writeFile(join(root, 'small'), 'small');
  const tree = new DirectoryTree(root);
  assert.equal((await readAll(await tree.open('big'), 1_000_000))?.length, 700_000);
  await tree.lookup('small');
  await writeFile(join(root, 'small'), 's');
  await assert.rejects(tree.open('small'), { code: 'FILE_CHANGED' });
});
