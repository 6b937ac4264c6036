import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCodedError } from '../../diagnostics/coded-error';
import { MemoryTree } from '../../filetree/memory-tree';
import { copyAction } from '../testing/file-actions';
import { fileOperationRig } from '../testing/file-operation-rig';
import { directory, file, symlink } from '../testing/layer-rig';

const source = () =>
  new MemoryTree()
    .file('a.txt', 'a', { mtimeNs: 3_000_000_000n })
    .file('run.sh', 'r', { mode: 0o755 })
    .directory('src', { mode: 0o700, mtimeNs: 4_000_000_000n, uid: 5 })
    .file('src/index.js', 'i')
    .file('src/lib/deep.js', 'd')
    .file('src/lib/deep.ts', 't')
    .symlink('link', 'a.txt')
    .symlink('dirlink', 'src')
    .symlink('dangling', 'nowhere');

interface Case {
  readonly name: string;
  readonly base?: Parameters<Awaited<ReturnType<typeof fileOperationRig>>['run']>[0];
  readonly action: ReturnType<typeof copyAction>;
  readonly tree: readonly string[];
}

const cases: readonly Case[] = [
  { name: 'a file to a new name', action: copyAction('a.txt', '/b'), tree: ['f644 0:0 b =a'] },
  { name: 'a file into a directory', action: copyAction('a.txt', '/d/'), tree: ['d755 0:0 d', 'f644 0:0 d/a.txt =a'] },
  { name: 'a file into dir/.', action: copyAction('a.txt', '/d/.'), tree: ['d755 0:0 d', 'f644 0:0 d/a.txt =a'] },
  {
    name: 'a file to a name that is a directory already',
    base: [directory('d', { mode: 0o711 })],
    action: copyAction('a.txt', '/d'),
    tree: ['d711 0:0 d', 'f644 0:0 d/a.txt =a'],
  },
  {
    name: 'the contents of a directory, which is made like any parent where it is new',
    action: copyAction('src', '/app'),
    tree: [
      'd755 0:0 app',
      'f644 0:0 app/index.js =i',
      'd755 0:0 app/lib',
      'f644 0:0 app/lib/deep.js =d',
      'f644 0:0 app/lib/deep.ts =t',
    ],
  },
  {
    name: 'a directory as a whole',
    base: [directory('app')],
    action: copyAction('src/lib', '/app', { dirCopyContents: false }),
    tree: ['d755 0:0 app', 'd755 0:0 app/lib', 'f644 0:0 app/lib/deep.js =d', 'f644 0:0 app/lib/deep.ts =t'],
  },
  {
    name: 'contents into a directory that is there: it keeps mode and owner, those below do not',
    base: [directory('app', { mode: 0o770, uid: 9 }), directory('app/lib', { mode: 0o711 }), file('app/kept', 'k')],
    action: copyAction('src', '/app'),
    tree: [
      'd770 9:0 app',
      'f644 0:0 app/index.js =i',
      'f644 0:0 app/kept =k',
      'd755 0:0 app/lib',
      'f644 0:0 app/lib/deep.js =d',
      'f644 0:0 app/lib/deep.ts =t',
    ],
  },
  { name: 'a symlink is followed', action: copyAction('link', '/x'), tree: ['f644 0:0 x =a'] },
  {
    name: 'a symlink is copied where it is not followed',
    action: copyAction('link', '/x', { followSymlink: false }),
    tree: ['s777 0:0 x -> a.txt'],
  },
  { name: 'a path through a symlink', action: copyAction('dirlink/index.js', '/x'), tree: ['f644 0:0 x =i'] },
  {
    name: 'a destination that is a symlink in the root file system',
    base: [directory('data'), symlink('app', '../../data'), symlink('file', '/data/target')],
    action: copyAction('a.txt', '/app/'),
    tree: ['s777 0:0 app -> ../../data', 'd755 0:0 data', 'f644 0:0 data/a.txt =a', 's777 0:0 file -> /data/target'],
  },
  {
    name: 'onto a symlink: what it points at is written',
    base: [symlink('file', 'target')],
    action: copyAction('a.txt', '/file'),
    tree: ['s777 0:0 file -> target', 'f644 0:0 target =a'],
  },
  {
    name: 'wildcards',
    action: copyAction('src/lib/*.?s', '/d/'),
    tree: ['d755 0:0 d', 'f644 0:0 d/deep.js =d', 'f644 0:0 d/deep.ts =t'],
  },
  {
    name: 'wildcards that match a directory copy its contents',
    action: copyAction('s*', '/d/'),
    tree: [
      'd755 0:0 d',
      'f644 0:0 d/index.js =i',
      'd755 0:0 d/lib',
      'f644 0:0 d/lib/deep.js =d',
      'f644 0:0 d/lib/deep.ts =t',
    ],
  },
  { name: 'wildcards that match nothing', action: copyAction('*.none', '/d/'), tree: [] },
  {
    name: 'an owner goes to made directories as well',
    action: copyAction('a.txt', '/x/y/', { owner: { user: { id: 10 }, group: { id: 20 } } }),
    tree: ['d755 10:20 x', 'd755 10:20 x/y', 'f644 10:20 x/y/a.txt =a'],
  },
  {
    name: 'an octal mode goes to directories, too',
    action: copyAction('src/lib', '/x/y', { mode: 0o4750 }),
    tree: ['d750 0:0 x', 'd750 0:0 x/y', 'f4750 0:0 x/y/deep.js =d', 'f4750 0:0 x/y/deep.ts =t'],
  },
  {
    name: 'a symbolic mode changes what was there',
    action: copyAction('src', '/x/y', { modeString: 'go-rwx,u+X' }),
    tree: [
      'd755 0:0 x',
      'd755 0:0 x/y',
      'f600 0:0 x/y/index.js =i',
      'd700 0:0 x/y/lib',
      'f600 0:0 x/y/lib/deep.js =d',
      'f600 0:0 x/y/lib/deep.ts =t',
    ],
  },
  {
    name: 'exclude patterns',
    action: copyAction('src', '/d', { excludePatterns: ['**/*.ts'] }),
    tree: ['d755 0:0 d', 'f644 0:0 d/index.js =i', 'd755 0:0 d/lib', 'f644 0:0 d/lib/deep.js =d'],
  },
  {
    name: 'exclude patterns with exceptions',
    action: copyAction('src', '/d', { excludePatterns: ['lib', '!lib/deep.ts'] }),
    tree: ['d755 0:0 d', 'f644 0:0 d/index.js =i', 'd755 0:0 d/lib', 'f644 0:0 d/lib/deep.ts =t'],
  },
  {
    name: 'parents are kept (--parents)',
    action: copyAction('/', '/d/', { includePatterns: ['src/lib/deep.js'], requiredPaths: ['/src/lib/deep.js'] }),
    tree: ['d755 0:0 d', 'd700 5:0 d/src', 'd755 0:0 d/src/lib', 'f644 0:0 d/src/lib/deep.js =d'],
  },
  {
    name: 'a required path that is a link to nothing',
    action: copyAction('/', '/d/', { includePatterns: ['dangling'], requiredPaths: ['/dangling'] }),
    tree: ['d755 0:0 d', 's777 0:0 d/dangling -> nowhere'],
  },
  {
    name: 'include patterns that match nothing make nothing',
    action: copyAction('/', '/d/', { includePatterns: ['src/*/none'] }),
    tree: ['d755 0:0 d'],
  },
  {
    name: 'existing paths of another type are replaced on demand',
    base: [directory('d'), directory('d/index.js'), file('d/index.js/x', ''), file('d/lib', 'f')],
    action: copyAction('src', '/d', { alwaysReplaceExistingDestPaths: true, excludePatterns: ['**/*.ts'] }),
    tree: ['d755 0:0 d', 'f644 0:0 d/index.js =i', 'd755 0:0 d/lib', 'f644 0:0 d/lib/deep.js =d'],
  },
];

for (const { name, base = [], action, tree } of cases) {
  test(`copy: ${name}`, async (t) => {
    const rig = await fileOperationRig(t);
    assert.deepEqual((await rig.run(base, source(), [action])).tree, tree);
  });
}

const failures: readonly (Omit<Case, 'tree'> & { readonly reason: string; readonly message: RegExp })[] = [
  { name: 'no such source', action: copyAction('none', '/x'), reason: 'not-found', message: /"\/none": not found/ },
  {
    name: 'wildcards in a directory that is not there',
    action: copyAction('none/*', '/x'),
    reason: 'not-found',
    message: /"\/none": not found/,
  },
  {
    name: 'no match where one is needed',
    action: copyAction('*.none', '/x', { allowEmptyWildcard: false }),
    reason: 'not-found',
    message: /not found/,
  },
  {
    name: 'a required path is missing',
    action: copyAction('/', '/x/', { includePatterns: ['none/a'], requiredPaths: ['/none/a'] }),
    reason: 'not-found',
    message: /"\/none\/a": not found/,
  },
  {
    name: 'a directory over a file',
    base: [file('d', '')],
    action: copyAction('src', '/d'),
    reason: 'not-a-directory',
    message: /cannot copy to non-directory: \/d/,
  },
  {
    name: 'a file over a directory inside a copied one',
    base: [directory('d'), directory('d/index.js')],
    action: copyAction('src', '/d'),
    reason: 'is-a-directory',
    message: /cannot replace to directory \/d\/index.js with file/,
  },
  {
    name: 'a file as parent',
    base: [file('f', '')],
    action: copyAction('a.txt', '/f/x'),
    reason: 'not-a-directory',
    message: /not a directory/,
  },
  {
    name: 'no parent and none to be made',
    action: copyAction('a.txt', '/x/y', { createDestPath: false }),
    reason: 'not-found',
    message: /failed to stat \/x\/y/,
  },
  { name: 'a bad mode', action: copyAction('a.txt', '/x', { modeString: 'u+q' }), reason: 'bad-mode', message: /u\+q/ },
  {
    name: 'a bad pattern',
    action: copyAction('src', '/x', { excludePatterns: ['[a'] }),
    reason: 'bad-pattern',
    message: /\[a/,
  },
];

for (const { name, base = [], action, reason, message } of failures) {
  test(`copy fails: ${name}`, async (t) => {
    const rig = await fileOperationRig(t);
    await assert.rejects(rig.run(base, source(), [action]), (error) => {
      assert.ok(isCodedError(error, 'FILE_OPERATION_FAILED'), String(error));
      assert.equal(error.detail.reason, reason);
      assert.match(error.message, message);
      return true;
    });
  });
}

test('times come from the source, made directories have the time of the build, a timestamp fixes all', async (t) => {
  const rig = await fileOperationRig(t);
  const times = async (timestamp: bigint) => {
    const { layer } = await rig.run([], source(), [copyAction('src', '/x/y', { timestamp })]);
    return (await layer.members()).map((member) =>
      'entry' in member ? Number(member.entry.mtimeNs / 1_000_000_000n) : -1,
    );
  };
  assert.deepEqual(await times(-1n), [1_700_000_000, 4, 0, 0, 0, 0]);
  assert.deepEqual(await times(7_000_000_000n), [7, 7, 7, 7, 7, 7]);
});

test('hard links within one copy stay hard links, extended attributes and set-user-id bits stay', async (t) => {
  const rig = await fileOperationRig(t);
  const capability = Buffer.from([1, 2, 0]);
  const tree = new MemoryTree()
    .file('d/a', 'x', { inode: '1' })
    .file('d/b', 'x', { inode: '1' })
    .file('d/su', 'x', { mode: 0o4755, xattrs: new Map([['security.capability', capability]]) });
  const { changes, layer } = await rig.run([], tree, [copyAction('d', '/out', { owner: { user: { id: 3 } } })]);
  assert.deepEqual(changes, ['+ out', '+ out/a', '= out/b out/a', '+ out/su']);
  const [, , , su] = await layer.members();
  assert.ok(su?.kind === 'entry');
  assert.equal(su.entry.mode, 0o4755);
  assert.deepEqual(su.entry.xattrs?.get('security.capability'), capability);
});

test('the source path cannot leave the source', async (t) => {
  const rig = await fileOperationRig(t);
  const tree = new MemoryTree().symlink('out', '../../../etc').file('etc/passwd', 'inside');
  assert.deepEqual((await rig.run([], tree, [copyAction('out/passwd', '/x')])).tree, ['f644 0:0 x =inside']);
  assert.deepEqual((await rig.run([], tree, [copyAction('../../etc/passwd', '/x')])).tree, ['f644 0:0 x =inside']);
});
