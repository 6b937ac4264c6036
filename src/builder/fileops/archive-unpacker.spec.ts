import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile, chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isCodedError } from '../../diagnostics/coded-error';
import { MemoryTree } from '../../filetree/memory-tree';
import { encodeHeader, endOfTar } from '../../filetree/tar/tar-header-encoder';
import type { TarHeader } from '../../filetree/tar/tar-header';
import { copyAction } from '../testing/file-actions';
import { fileOperationRig } from '../testing/file-operation-rig';
import { directory, file, symlink as link } from '../testing/layer-rig';
import { tempDirectory } from '../testing/temp-directory';

const add = (src: string, dest: string, options = {}) =>
  copyAction(src, dest, { attemptUnpackDockerCompatibility: true, ...options });

function tarOf(...headers: readonly Partial<TarHeader>[]): Buffer {
  const plain = { name: 'a', type: 'file', mode: 0o644, uid: 7, gid: 8, size: 0, mtimeNs: 0n, linkName: '' } as const;
  const blocks = headers.map((header) => encodeHeader({ ...plain, devMajor: 0, devMinor: 0, ...header }));
  return Buffer.concat([...blocks, endOfTar]);
}

async function gnuTar(t: TestContext): Promise<Buffer> {
  const root = await tempDirectory(t);
  await mkdir(join(root, 'dir'));
  await writeFile(join(root, 'dir', 'file'), 'content');
  await chmod(join(root, 'dir', 'file'), 0o640);
  await symlink('file', join(root, 'dir', 'link'));
  return execFileSync('tar', [
    '-C',
    root,
    '--owner=7',
    '--group=8',
    '--numeric-owner',
    '--mode=a=rX,u+w',
    '-cf',
    '-',
    'dir',
  ]);
}

const unpacked = [
  'd755 0:0 out',
  'd755 7:8 out/dir',
  'f644 7:8 out/dir/file =content',
  's777 7:8 out/dir/link -> file',
];

for (const packing of ['none', 'gzip', 'bzip2', 'xz', 'zstd'] as const) {
  test(`an archive packed with ${packing} is unpacked, with the owners that it names`, async (t) => {
    const tar = await gnuTar(t);
    let packed: Buffer;
    try {
      packed = packing === 'none' ? tar : execFileSync(packing, ['-c'], { input: tar });
    } catch {
      t.skip(`${packing} is not installed`);
      return;
    }
    const rig = await fileOperationRig(t);
    const source = new MemoryTree().file('a.tar', packed);
    assert.deepEqual((await rig.run([], source, [add('a.tar', '/out/')])).tree, unpacked);
    assert.deepEqual(await readdir(join(rig.directory, 'scratch')), []);
  });
}

test('what is no tar is copied as it is', async (t) => {
  const rig = await fileOperationRig(t);
  for (const content of [
    Buffer.from('text'),
    gzipSync('text'),
    Buffer.alloc(2048),
    Buffer.from([0x1f, 0x8b, 8, 1, 2]),
  ]) {
    const result = await rig.run([], new MemoryTree().file('a', content), [add('a', '/out/')]);
    assert.deepEqual(result.changes, ['+ out', '+ out/a']);
  }
});

test('an owner of the action wins; what is there is merged or replaced', async (t) => {
  const rig = await fileOperationRig(t);
  const tar = tarOf({ name: 'd/', type: 'directory', mode: 0o700 }, { name: 'd/x' }, { name: 'f', type: 'directory' });
  const base = [directory('d'), file('d/kept', ''), file('f', '')];
  const source = new MemoryTree().file('a.tar', tar);
  const result = await rig.run(base, source, [add('a.tar', '/', { owner: { user: { id: 1 }, group: { id: 2 } } })]);
  assert.deepEqual(result.tree, ['d700 1:2 d', 'f644 0:0 d/kept =', 'f644 1:2 d/x =', 'd644 1:2 f']);
});

test('members stay inside the destination, also through symlinks that the archive brings', async (t) => {
  const rig = await fileOperationRig(t);
  const tar = tarOf(
    { name: 'up', type: 'symlink', linkName: '../../..' },
    { name: 'up/etc/passwd' },
    { name: 'abs', type: 'symlink', linkName: '/etc' },
    { name: 'abs/shadow' },
    { name: 'hard', type: 'hardlink', linkName: 'abs/shadow' },
  );
  const base = [directory('etc'), file('etc/passwd', 'safe'), directory('out'), link('out/old', '/etc')];
  const result = await rig.run(base, new MemoryTree().file('a.tar', tar), [add('a.tar', '/out/')]);
  assert.ok(result.tree.includes('f644 0:0 etc/passwd =safe'));
  assert.ok(
    result.changes.every((line) => line.includes(' out')),
    result.changes.join('\n'),
  );
  assert.ok(result.changes.includes('= out/hard out/etc/shadow'));
});

test('archives that are broken or reach out are refused', async (t) => {
  const rig = await fileOperationRig(t);
  const cases: Record<string, [Buffer, string]> = {
    'out of the destination': [tarOf({ name: '../x' }), 'outside-root'],
    'link out of it': [tarOf({ type: 'hardlink', linkName: '../../etc/shadow' }), 'outside-root'],
    'link to nothing': [tarOf({ type: 'hardlink', linkName: 'none' }), 'bad-archive'],
    truncated: [tarOf({ size: 2000 }).subarray(0, 600), 'bad-archive'],
    'truncated gzip': [
      gzipSync(Buffer.concat([tarOf({}), Buffer.alloc(100_000, 'x')])).subarray(0, 150),
      'bad-archive',
    ],
  };
  for (const [name, [tar, reason]] of Object.entries(cases)) {
    const run = rig.run([], new MemoryTree().file('a.tar', tar), [add('a.tar', '/out/')]);
    await assert.rejects(
      run,
      (error) => isCodedError(error, 'FILE_OPERATION_FAILED') && error.detail.reason === reason,
      name,
    );
  }
  assert.deepEqual(await readdir(join(rig.directory, 'scratch')), []);
});

test('content is read from the archive, byte for byte', async (t) => {
  const root = await tempDirectory(t);
  const bytes = Buffer.from(Array.from({ length: 600_000 }, (_, index) => (index * 7) % 251));
  await writeFile(join(root, 'big'), bytes);
  const tar = execFileSync('tar', ['-C', root, '-czf', '-', 'big'], { maxBuffer: 10_000_000 });
  const rig = await fileOperationRig(t);
  const { layer } = await rig.run([], new MemoryTree().file('a.tgz', tar), [add('a.tgz', '/')]);
  const copy = join(root, 'copy');
  await writeFile(copy, await layer.openFile('big'));
  assert.ok((await readFile(copy)).equals(bytes));
});
