import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryTree } from '../../filetree/memory-tree';
import { copyAction, mkdirAction, mkfileAction, rmAction } from '../testing/file-actions';
import { buildTimeMs, fileOperationRig } from '../testing/file-operation-rig';
import { directory, file, symlink } from '../testing/layer-rig';
import { treeText } from '../testing/tree-text';
import { MAX_USER_FILE_BYTES } from './owner';
import { runFileOperation } from './run-file-operation';

const nothing = new MemoryTree();

test('several actions give one layer with only what changed', async (t) => {
  const rig = await fileOperationRig(t);
  const source = new MemoryTree().file('one', '1').file('two', '2');
  const result = await rig.run([directory('app'), file('app/old', 'o'), file('other', 'x')], source, [
    copyAction('one', '/app/'),
    copyAction('two', '/app/'),
    mkdirAction('/app/dir'),
    rmAction('/app/old'),
  ]);
  assert.equal(result.snapshot.layers.length, 2);
  assert.deepEqual(result.changes, ['+ app', '+ app/dir', '- app/old', '+ app/one', '+ app/two']);
  assert.equal(result.snapshot.layers[1]?.createdAt, new Date(buildTimeMs).toISOString());
});

test('what changes nothing is an empty layer, so that history and layers still agree', async (t) => {
  const rig = await fileOperationRig(t);
  const result = await rig.run([directory('app')], nothing, [mkdirAction('/app')]);
  assert.deepEqual(result.changes, []);
  assert.equal(result.layer.diffId, 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef');
});

test('mkdir makes parents with mode and owner, through symlinks inside the root', async (t) => {
  const rig = await fileOperationRig(t);
  const owner = { user: { id: 5 }, group: { id: 6 } };
  const made = await rig.run([symlink('var', '/mnt/data')], nothing, [mkdirAction('/var/a/b', { mode: 0o750, owner })]);
  assert.deepEqual(made.tree, [
    ...['d750 5:6 mnt', 'd750 5:6 mnt/data', 'd750 5:6 mnt/data/a', 'd750 5:6 mnt/data/a/b'],
    's777 0:0 var -> /mnt/data',
  ]);
  await assert.rejects(rig.run([file('f', '')], nothing, [mkdirAction('/f/x')]), /not a directory/);
  const flat = mkdirAction('/x/y', { makeParents: false });
  await assert.rejects(rig.run([], nothing, [flat]), { code: 'FILE_OPERATION_FAILED' });
  assert.deepEqual((await rig.run([file('x', '1')], nothing, [mkdirAction('/x', { makeParents: false })])).tree, [
    'f644 0:0 x =1',
  ]);
});

test('mkfile writes a file; one that is there keeps its mode and owner', async (t) => {
  const rig = await fileOperationRig(t);
  const base = [file('there', 'old text', { mode: 0o600, uid: 4 }), directory('dir')];
  const result = await rig.run(base, nothing, [
    mkfileAction('/there', 'new'),
    mkfileAction('/dir/x', 'y', { mode: 0o755 }),
  ]);
  assert.deepEqual(result.tree, ['d755 0:0 dir', 'f755 0:0 dir/x =y', 'f600 4:0 there =new']);
  await assert.rejects(rig.run(base, nothing, [mkfileAction('/dir', '')]), /is a directory/);
  await assert.rejects(rig.run(base, nothing, [mkfileAction('/none/x', '')]), /no such file or directory/);
});

test('rm takes a path, all that wildcards match, or nothing', async (t) => {
  const rig = await fileOperationRig(t);
  const base = [directory('d'), file('d/a.js', ''), file('d/b.js', ''), file('d/c', ''), symlink('l', 'd')];
  assert.deepEqual((await rig.run(base, nothing, [rmAction('/d')])).changes, ['- d']);
  assert.deepEqual((await rig.run(base, nothing, [rmAction('/l')])).changes, ['- l']);
  assert.deepEqual((await rig.run(base, nothing, [rmAction('/l/c')])).changes, ['+ d', '- d/c']);
  assert.deepEqual((await rig.run(base, nothing, [rmAction('/d/*.js', { allowWildcard: true })])).changes, [
    '+ d',
    '- d/a.js',
    '- d/b.js',
  ]);
  await assert.rejects(rig.run(base, nothing, [rmAction('/none')]), /not found/);
  assert.deepEqual((await rig.run(base, nothing, [rmAction('/none', { allowNotFound: true })])).changes, []);
  await assert.rejects(rig.run(base, nothing, [rmAction('/')]), /root/);
});

test('owners by name come from the passwd and group files of the input that is named', async (t) => {
  const rig = await fileOperationRig(t);
  const base = [
    directory('etc'),
    file('etc/passwd', 'root:x:0:0::/:\napp:x:1000:1001::/home/app:/bin/sh\nbad:x:no:no\n'),
    symlink('etc/group', '/group'),
    file('group', 'staff:x:50:app\n'),
  ];
  const made = async (user?: string, group?: string) => {
    const owner = {
      ...(user !== undefined && { user: { name: user, input: 0 } }),
      ...(group !== undefined && { group: { name: group, input: 0 } }),
    };
    return (await rig.run(base, nothing, [mkdirAction('/made', { owner })])).tree.find((line) =>
      line.endsWith(' made'),
    );
  };
  assert.equal(await made('app'), 'd755 1000:1001 made');
  assert.equal(await made('app', 'staff'), 'd755 1000:50 made');
  assert.equal(await made(undefined, 'staff'), 'd755 0:50 made');
  assert.equal(await made('nobody', 'none'), 'd755 0:0 made');
  assert.equal(await made('bad'), 'd755 0:0 made');
  const huge = file('etc/passwd', 'x'.repeat(MAX_USER_FILE_BYTES + 1));
  const action = mkdirAction('/made', { owner: { user: { name: 'app', input: 0 } } });
  await assert.rejects(rig.run([directory('etc'), huge], nothing, [action]), /more than 1048576 bytes/);
  assert.equal((await rig.run([], nothing, [action])).tree[0], 'd755 0:0 made');
});

test('scratch as base, an earlier action as source, and several outputs', async (t) => {
  const rig = await fileOperationRig(t);
  const options = { store: rig.store, scratchDirectory: rig.directory, now: () => buildTimeMs };
  const actions = [
    mkfileAction('/a', 'content', { input: -1, output: 1 }),
    copyAction('a', '/b', { input: -1, secondaryInput: 0, output: 0 }),
  ];
  const [copied, made] = await runFileOperation({ kind: 'file', actions }, [], options);
  assert.deepEqual(await treeText(await copied!.tree()), ['f644 0:0 b =content']);
  assert.deepEqual(await treeText(await made!.tree()), ['f644 0:0 a =content']);
  assert.equal(copied?.layers.length, 1);
});

test('SOURCE_DATE_EPOCH bounds the times of what is written', async (t) => {
  const rig = await fileOperationRig(t);
  const source = new MemoryTree()
    .file('new', '', { mtimeNs: 99_000_000_000n })
    .file('old', '', { mtimeNs: 1_000_000_000n });
  const { layer } = await rig.run([], source, [copyAction('/', '/d')], { sourceDateEpoch: 50 });
  const times = (await layer.members()).map((member) =>
    'entry' in member ? member.entry.mtimeNs / 1_000_000_000n : -1n,
  );
  assert.deepEqual(times, [0n, 50n, 1n]);
});
