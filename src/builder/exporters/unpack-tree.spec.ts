import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, lstat, mkdir, readFile, readdir, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { MemoryTree } from '../../filetree/memory-tree';
import { tempDirectory } from '../testing/temp-directory';
import { treeMembers, writeTarFile } from './tar-file';
import { unpackTree } from './unpack-tree';

const isRoot = process.getuid?.() === 0;

const sample = () =>
  new MemoryTree()
    .directory('closed', { mode: 0o555, mtimeNs: 7_000_000_000n })
    .file('closed/file', 'content', { mode: 0o440, mtimeNs: 5_000_000_000n, uid: 1000, gid: 1001 })
    .file('su', 's', { mode: 0o4755, inode: '1' })
    .file('su2', 's', { mode: 0o4755, inode: '1' })
    .symlink('link', '/etc/passwd')
    .symlink('ü\udcff', 'x')
    .special('null', 'char', { devMajor: 1, devMinor: 3 });

test('modes, times, links and odd names are kept; devices are left out', async (t) => {
  const directory = await tempDirectory(t);
  await unpackTree(sample(), directory, { owners: 'caller' });
  const closed = await stat(join(directory, 'closed'));
  await chmod(join(directory, 'closed'), 0o755);
  assert.deepEqual([closed.mode & 0o7777, closed.mtimeMs], [0o555, 7000]);
  const file = await stat(join(directory, 'closed', 'file'));
  assert.deepEqual([file.mode & 0o7777, file.mtimeMs, file.uid], [0o440, 5000, process.getuid?.()]);
  const [su, su2] = [await stat(join(directory, 'su')), await stat(join(directory, 'su2'))];
  assert.deepEqual([su.mode & 0o7777, su.ino], [0o4755, su2.ino]);
  assert.equal(await readlink(join(directory, 'link')), '/etc/passwd');
  const names = (await readdir(directory, { encoding: 'buffer' })).map((name) => name.toString('latin1')).sort();
  assert.deepEqual(names, ['closed', 'link', 'su', 'su2', 'Ã¼\xff']);
});

test('root gives owners', { skip: !isRoot && 'needs root' }, async (t) => {
  const directory = await tempDirectory(t);
  await unpackTree(sample(), directory);
  await chmod(join(directory, 'closed'), 0o755);
  const file = await stat(join(directory, 'closed', 'file'));
  assert.deepEqual([file.uid, file.gid], [1000, 1001]);
  assert.equal((await stat(join(directory, 'su'))).mode & 0o7777, 0o4755);
});

test('what is there stays or is replaced, and no symlink in the way is followed', async (t) => {
  const directory = await tempDirectory(t);
  const outside = await tempDirectory(t);
  await mkdir(join(directory, 'file'));
  await writeFile(join(directory, 'file', 'inner'), '');
  await writeFile(join(directory, 'kept'), 'kept');
  await writeFile(join(outside, 'victim'), 'safe');
  await symlink(outside, join(directory, 'dir'));
  await symlink(join(outside, 'victim'), join(directory, 'plain'));
  const tree = new MemoryTree().file('file', 'f').file('dir/victim', 'new').file('plain', 'p');
  await unpackTree(tree, directory);
  await unpackTree(tree, directory);
  assert.equal(await readFile(join(directory, 'file'), 'utf8'), 'f');
  assert.equal(await readFile(join(directory, 'kept'), 'utf8'), 'kept');
  assert.equal(await readFile(join(directory, 'dir', 'victim'), 'utf8'), 'new');
  assert.equal(await readFile(join(outside, 'victim'), 'utf8'), 'safe');
  assert.ok((await lstat(join(directory, 'plain'))).isFile());
  assert.deepEqual((await readdir(directory)).sort(), ['dir', 'file', 'kept', 'plain']);
});

test('a failure comes out after everything has stopped', async (t) => {
  const directory = await tempDirectory(t);
  const tree = new MemoryTree();
  for (let index = 0; index < 50; index++) tree.file(`f${index}`, 'x');
  tree.open = (path) =>
    path === 'f7' ? Promise.reject(new Error('lost')) : MemoryTree.prototype.open.call(tree, path);
  await assert.rejects(unpackTree(tree, directory), /lost/);
  assert.ok(!(await readdir(directory)).some((name) => name.endsWith('.staging')));
});

test('a tree as one tar has everything with its owner, hard links once', async (t) => {
  const directory = await tempDirectory(t);
  const path = join(directory, 'deep', 'root.tar');
  await writeTarFile(path, treeMembers(sample()));
  const listed = execFileSync('tar', ['--numeric-owner', '-tvf', path], { encoding: 'utf8' }).trim().split('\n');
  assert.equal(listed.length, 7);
  assert.match(listed.find((line) => line.includes('closed/file')) ?? '', /^-r--r----- 1000\/1001 /);
  assert.match(listed.find((line) => line.includes('su2')) ?? '', /^h.*su2 link to su$/);
  assert.match(listed.find((line) => line.includes('null')) ?? '', /^c.* 1,3 /);
  assert.deepEqual(await readdir(join(directory, 'deep')), ['root.tar']);
});
