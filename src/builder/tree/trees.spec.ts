import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { directory, file, hardlink, layerRig, marker, symlink } from '../testing/layer-rig';
import { layerText, treeText } from '../testing/tree-text';
import { LayeredSnapshot } from '../snapshot';
import { localLayer } from '../layers/lazy-layer';
import { diffTrees } from './diff-trees';
import { emptyRoot, newNode, type FileNode } from './file-node';
import { NodeTree } from './node-tree';
import { TreeDraft } from './tree-draft';
import { streamOf } from '../../filetree/read-file';

test('upper layers add, replace and hide what lower ones have', async (t) => {
  const { snapshot } = await layerRig(t);
  const merged = await snapshot(
    [directory('a'), file('a/kept', '1'), file('a/gone', '2'), directory('b'), file('b/x', '3'), file('c', '4')],
    [marker('whiteout', 'a/gone'), file('b/y', 'new'), marker('opaque', 'b'), directory('c'), file('c/d', '5')],
    [directory('a', { mode: 0o700, uid: 7 }), marker('whiteout', 'nothing/here')],
  );
  assert.deepEqual(await treeText(await merged.tree()), [
    'd700 7:0 a',
    'f644 0:0 a/kept =1',
    'd755 0:0 b',
    'f644 0:0 b/y =new',
    'd755 0:0 c',
    'f644 0:0 c/d =5',
  ]);
});

test('a whiteout hides only what is below its layer, wherever it stands', async (t) => {
  const { snapshot } = await layerRig(t);
  const merged = await snapshot([file('a', 'old')], [file('a', 'new'), marker('whiteout', 'a')]);
  assert.deepEqual(await treeText(await merged.tree()), ['f644 0:0 a =new']);
});

test('members go through symlinks inside the root, and parents that are not there are made', async (t) => {
  const { snapshot } = await layerRig(t);
  const merged = await snapshot(
    [directory('usr/bin'), symlink('bin', 'usr/bin'), symlink('up', '../../etc')],
    [file('bin/sh', 'sh'), file('up/passwd', 'root'), file('new/dir/f', '')],
  );
  assert.deepEqual(await treeText(await merged.tree()), [
    's777 0:0 bin -> usr/bin',
    'd755 0:0 etc',
    'f644 0:0 etc/passwd =root',
    'd755 0:0 new',
    'd755 0:0 new/dir',
    'f644 0:0 new/dir/f =',
    's777 0:0 up -> ../../etc',
    'd755 0:0 usr',
    'd755 0:0 usr/bin',
    'f644 0:0 usr/bin/sh =sh',
  ]);
});

test('hard links share one file, also across layers; a link to nothing and a file as parent are refused', async (t) => {
  const { snapshot } = await layerRig(t);
  const merged = await snapshot([file('a', 'content')], [hardlink('b', 'a', { mode: 0o600 })]);
  const tree = await merged.tree();
  assert.deepEqual(await treeText(tree), ['f600 0:0 a =content', 'f600 0:0 b =content']);
  assert.equal((await tree.lookup('a'))?.inode, (await tree.lookup('b'))?.inode);
  await assert.rejects((await snapshot([hardlink('b', 'none')])).tree(), { code: 'LAYER_NOT_APPLICABLE' });
  await assert.rejects((await snapshot([file('f', '')], [file('f/x', '')])).tree(), { code: 'LAYER_NOT_APPLICABLE' });
});

test('a draft leaves the tree that it started from alone and shares what it does not change', () => {
  const base = new TreeDraft(emptyRoot);
  for (const path of ['a', 'a/b', 'c']) base.put(path, newNode(emptyRoot.meta));
  const before = base.root;
  const draft = new TreeDraft(before);
  draft.put('a/b/new', newNode({ ...emptyRoot.meta, type: 'file' }));
  draft.setMeta('a', { ...emptyRoot.meta, mode: 0o700 });
  assert.equal(before.children.get('a')?.children.get('b')?.children.size, 0);
  assert.equal(before.children.get('a')?.meta.mode, 0o755);
  assert.equal(draft.root.children.get('c'), before.children.get('c'));
  assert.ok(draft.remove('a/b/new') && !draft.remove('a/b/new'));
});

test('the chain ID names a snapshot', async (t) => {
  const { snapshot } = await layerRig(t);
  const one = await snapshot([file('a', '')]);
  const two = await snapshot([file('a', '')], [file('b', '')]);
  assert.equal(one.id, one.layers[0]?.diffId);
  assert.notEqual(two.id, one.id);
  assert.equal(LayeredSnapshot.scratch().id, 'scratch');
  assert.deepEqual(await treeText(await LayeredSnapshot.scratch().tree()), []);
});

/** A random tree of up to three levels with names that collide often. */
const treeArbitrary = fc.letrec<{ node: FileNode; directory: FileNode }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    fc.record({ text: fc.constantFrom('', 'x', 'yy'), mode: fc.constantFrom(0o644, 0o755) }).map(({ text, mode }) => {
      const content = { open: () => Promise.resolve(streamOf(Buffer.from(text))) };
      return newNode({ ...emptyRoot.meta, type: 'file', mode, size: text.length }, content);
    }),
    fc
      .constantFrom('a', '/b')
      .map((linkTarget) => newNode({ ...emptyRoot.meta, type: 'symlink', mode: 0o777, linkTarget })),
    tie('directory'),
  ),
  directory: fc
    .record({
      mode: fc.constantFrom(0o755, 0o700),
      children: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'ä'), tie('node'), { maxKeys: 3 }),
    })
    .map(({ mode, children }) => ({
      meta: { ...emptyRoot.meta, mode },
      children: new Map(Object.entries(children)),
    })),
})).directory;

test('a layer made of the difference turns one tree into the other', async (t) => {
  const { store } = await layerRig(t);
  await fc.assert(
    fc.asyncProperty(treeArbitrary, treeArbitrary, async (before, after) => {
      const lower = await store.write(diffTrees(emptyRoot, before));
      const upper = await store.write(diffTrees(before, after));
      const merged = LayeredSnapshot.of([lower, upper].map((layer) => localLayer(store, layer)));
      assert.deepEqual(await treeText(await merged.tree()), await treeText(new NodeTree(after)));
      assert.deepEqual([...diffTrees(after, after)], []);
    }),
    { numRuns: 60 },
  );
});

test('a difference has the directories above a change and nothing else; times can be bounded', async (t) => {
  const { store, snapshot } = await layerRig(t);
  const base = await snapshot([
    directory('a/b', { mtimeNs: 9_000_000_000n }),
    file('a/b/old', 'x'),
    file('a/other', 'y'),
    directory('c'),
  ]);
  const root = await base.root();
  const draft = new TreeDraft(root);
  draft.put('a/b/new', newNode({ ...emptyRoot.meta, type: 'file', mtimeNs: 9_000_000_000n }));
  draft.remove('a/b/old');
  draft.setMeta('c', emptyRoot.meta);
  const layer = await store.write(diffTrees(root, draft.root, { maxMtimeNs: 5_000_000_000n }));
  assert.deepEqual(await layerText(layer), ['+ a', '+ a/b', '+ a/b/new', '- a/b/old']);
  const times = (await layer.members()).map((member) => (member.kind === 'entry' ? member.entry.mtimeNs : undefined));
  assert.deepEqual(times, [0n, 5_000_000_000n, 5_000_000_000n, undefined]);
});
