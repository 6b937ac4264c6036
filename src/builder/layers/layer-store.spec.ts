import assert from 'node:assert/strict';
import { execFileSync, fork } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { isCodedError } from '../../diagnostics/coded-error';
import { readAll, streamOf } from '../../filetree/read-file';
import { digestOf, hexOf } from '../../oci/digest';
import type { LayerInput } from '../contract';
import { encodeHeader, endOfTar } from '../../filetree/tar/tar-header-encoder';
import type { TarHeader } from '../../filetree/tar/tar-header';
import { directory, file, hardlink, layerRig, marker, symlink } from '../testing/layer-rig';
import { layerText } from '../testing/tree-text';
import { FileLayerStore } from './layer-store';

const sample: readonly LayerInput[] = [
  directory('etc'),
  file('etc/hosts', 'localhost', { mode: 0o600, uid: 1000, gid: 70000, mtimeNs: 5_000_000_000n }),
  hardlink('etc/hosts2', 'etc/hosts'),
  file('etc/empty', '', { xattrs: new Map([['security.capability', Buffer.from([1, 0, 255])]]) }),
  symlink('etc/link', '/etc/hosts'),
  marker('whiteout', 'etc/passwd'),
  marker('opaque', 'var/cache'),
];

function tarOf(...headers: readonly Partial<TarHeader>[]): Buffer {
  const plain = { type: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, mtimeNs: 0n, linkName: '' } as const;
  const blocks = headers.map((header) =>
    encodeHeader({ ...plain, name: 'a', devMajor: 0, devMinor: 0, ...header } satisfies TarHeader),
  );
  return Buffer.concat([...blocks, endOfTar]);
}

test('a written layer is found again, by another process too, with its members and contents', async (t) => {
  const rig = await layerRig(t);
  const written = await rig.store.write(sample);
  const other = new FileLayerStore({ directory: join(rig.directory, 'layers') });
  const found = await other.get(written.diffId);
  assert.ok(found);
  assert.deepEqual(
    await found.members(),
    sample.map(({ member }) => member),
  );
  assert.equal((await readAll(await found.openFile('etc/hosts2'), 100))?.toString(), 'localhost');
  assert.equal((await readAll(await found.openFile('etc/empty'), 100))?.length, 0);
  await assert.rejects(found.openFile('etc/none'), { code: 'LAYER_FILE_MISSING' });
  const tar = await readAll(await found.openTar(), 1_000_000);
  assert.equal(digestOf(tar ?? ''), written.diffId);
  assert.equal(tar?.length, written.sizeBytes);
  assert.equal(await other.get(digestOf('none')), undefined);
});

test('a layer keeps the time at which it was made, for other processes and for those that import it', async (t) => {
  const rig = await layerRig(t);
  const madeMs = Date.parse('2026-01-02T03:04:05.678Z');
  const options = { directory: join(rig.directory, 'timed'), now: () => madeMs };
  const made = await new FileLayerStore(options).write(sample);
  const later = new FileLayerStore({ ...options, now: () => madeMs + 1000 });
  const found = await later.get(made.diffId);
  assert.deepEqual([made.createdAt, found?.createdAt], ['2026-01-02T03:04:05.678Z', '2026-01-02T03:04:05.678Z']);
  const { createdAt } = made;
  const imported = await rig.store.importTar(made.diffId, await made.openTar(), { createdAt });
  assert.equal(imported.createdAt, createdAt);
});

test('equal members are equal bytes, and the tar is one that GNU tar understands', async (t) => {
  const rig = await layerRig(t);
  const first = await rig.store.write(sample);
  assert.equal((await rig.store.write(sample)).diffId, first.diffId);
  const path = join(rig.directory, 'layers', `sha256-${hexOf(first.diffId)}.tar`);
  const listed = execFileSync('tar', ['-tf', path], { encoding: 'utf8' }).trim().split('\n');
  assert.deepEqual(listed, [
    'etc/',
    'etc/hosts',
    'etc/hosts2',
    'etc/empty',
    'etc/link',
    'etc/.wh.passwd',
    'var/cache/.wh..wh..opq',
  ]);
});

test('a layer has the bytes that BuildKit gives it', async (t) => {
  const rig = await layerRig(t);
  // Recorded: the cache `gzip-max` of test-data/golden/caches, the layers of two of its COPY steps.
  const builtNs = 1_795_465_642_000_000_000n;
  const sourceNs = 1_795_465_177_000_000_000n;
  const copied = await rig.store.write([
    directory('repo', { mtimeNs: builtNs }),
    file('repo/main.js', 'm\nu\n', { uid: 1000, gid: 1000, mtimeNs: builtNs + 999_999_999n }),
  ]);
  assert.equal(copied.diffId, 'sha256:731a095c60fa6cf4f409b87d19cbafdaf359639dbd2176356dc3037a01a8f2e7');
  const nested = await rig.store.write([
    directory('repo', { mtimeNs: builtNs }),
    directory('repo/apps', { mtimeNs: builtNs }),
    directory('repo/apps/api', { mtimeNs: sourceNs }),
    file('repo/apps/api/main.js', 'm\n', { mtimeNs: sourceNs }),
  ]);
  assert.equal(nested.diffId, 'sha256:e40bef757744564b31383464ed9dfd9f61cad4a80eee4007c9d564be8bbace38');
});

test('an index that is lost or broken is made anew from the tar', async (t) => {
  const rig = await layerRig(t);
  const written = await rig.store.write(sample);
  const index = join(rig.directory, 'layers', `sha256-${hexOf(written.diffId)}.index.json`);
  for (const damage of [() => rm(index), () => writeFile(index, '{"version":1'), () => writeFile(index, 'null')]) {
    await damage();
    const found = await new FileLayerStore({ directory: join(rig.directory, 'layers') }).get(written.diffId);
    assert.deepEqual(await layerText(found!), await layerText(written));
    assert.ok((await readFile(index, 'utf8')).includes('etc/hosts'));
  }
});

test('an imported tar is kept byte for byte, names made relative and the root left out', async (t) => {
  const rig = await layerRig(t);
  const tar = tarOf(
    { name: './', type: 'directory' },
    { name: '/abs' },
    { name: './a/../b//c' },
    { name: 'x/.wh..wh..opq' },
  );
  const layer = await rig.store.importTar(digestOf(tar), streamOf(Buffer.concat([tar])));
  assert.deepEqual(await layerText(layer), ['+ abs', '+ b/c', '! x']);
  assert.deepEqual(await readAll(await layer.openTar(), 1_000_000), tar);
  const unread = Readable.from([Buffer.from('never read')]);
  assert.equal((await rig.store.importTar(digestOf(tar), unread)).diffId, layer.diffId);
  assert.ok(unread.destroyed);
});

test('a tar that is not what it should be, or is hostile, is refused and leaves nothing behind', async (t) => {
  const rig = await layerRig(t);
  const good = tarOf({ name: 'a' });
  const cases: Record<string, Buffer> = {
    'out of the root': tarOf({ name: '../a' }),
    'out of the root behind a directory': tarOf({ name: 'a/../../b' }),
    'link out of the root': tarOf({ type: 'hardlink', linkName: '../../etc/shadow' }),
    'link to itself': tarOf({ type: 'hardlink', linkName: './a' }),
    'replaces the root': tarOf({ name: '/', type: 'symlink', linkName: 'x' }),
    'whiteout of the parent': tarOf({ name: 'a/.wh...' }),
    'whiteout of nothing': tarOf({ name: 'a/.wh.' }),
    'whiteout of itself': tarOf({ name: 'a/.wh..' }),
    'long name': tarOf({ name: 'n'.repeat(256) }),
    'link to nothing': tarOf({ type: 'symlink' }),
    truncated: good.subarray(0, 300),
    'no tar': Buffer.from('hello'.repeat(200)),
  };
  for (const [name, tar] of Object.entries(cases)) {
    await assert.rejects(
      rig.store.importTar(digestOf(tar), streamOf(tar)),
      (error) => isCodedError(error, 'LAYER_CORRUPT'),
      name,
    );
  }
  await assert.rejects(rig.store.importTar(digestOf('other'), streamOf(good)), { code: 'LAYER_CORRUPT' });
  const failing = Readable.from(
    (async function* () {
      yield good.subarray(0, 512);
      await Promise.resolve();
      throw new Error('connection lost');
    })(),
  );
  await assert.rejects(rig.store.importTar(digestOf(good), failing), /connection lost/);
  assert.deepEqual(await readdir(join(rig.directory, 'layers')), []);
});

test('a file whose size is not what its entry says fails the layer, and so does a name that reads as a whiteout', async (t) => {
  const rig = await layerRig(t);
  const honest = file('a', 'four');
  for (const content of ['thr', 'fives']) {
    const lying = { ...honest, open: () => Promise.resolve(streamOf(Buffer.from(content))) };
    await assert.rejects(rig.store.write([lying]), { code: 'CONTENT_SIZE_CHANGED' });
  }
  await assert.rejects(rig.store.write([file('dir/.wh.x', '')]), { code: 'LAYER_MEMBER_REFUSED' });
  const broken = { ...honest, open: () => Promise.reject(new Error('gone')) };
  await assert.rejects(rig.store.write([broken]), /gone/);
  assert.deepEqual(await readdir(join(rig.directory, 'layers')), []);
});

test('an abort stops writing and leaves nothing behind', async (t) => {
  const rig = await layerRig(t);
  const controller = new AbortController();
  const inputs = (function* () {
    for (let index = 0; index < 1000; index++) {
      if (index === 500) controller.abort(new Error('enough'));
      yield file(`f${index}`, 'x');
    }
  })();
  await assert.rejects(rig.store.write(inputs, { signal: controller.signal }), /enough/);
  assert.deepEqual(await readdir(join(rig.directory, 'layers')), []);
});

test('what a killed process left is no layer, and goes when it is a day old', async (t) => {
  const rig = await layerRig(t);
  const script = `
    const { FileLayerStore } = require(${JSON.stringify(join(__dirname, 'layer-store.js'))});
    async function* forever() {
      for (let i = 0; ; i++) {
        if (i === 2000) process.send('busy');
        const open = async () => require('node:stream').Readable.from([Buffer.alloc(4096)]);
        const entry = { path: 'f' + i, type: 'file', mode: 420, uid: 0, gid: 0, mtimeNs: 0n, size: 4096 };
        yield { member: { kind: 'entry', entry }, open };
      }
    }
    new FileLayerStore({ directory: process.argv[2] }).write(forever());`;
  const program = join(rig.directory, 'writer.js');
  await writeFile(program, script);
  const layers = join(rig.directory, 'layers');
  const child = fork(program, [layers]);
  await new Promise((resolve) => child.once('message', resolve));
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  const left = await readdir(layers);
  assert.equal(left.length, 1);
  assert.ok(!left.some((name) => name.endsWith('.tar')));
  await rig.store.write(sample);
  assert.ok((await readdir(layers)).includes(left[0]!));
  const yesterday = Date.now() / 1000 - 2 * 24 * 60 * 60;
  await utimes(join(layers, left[0]!), yesterday, yesterday);
  await new FileLayerStore({ directory: layers }).write(sample);
  assert.ok(!(await readdir(layers)).includes(left[0]!));
});

test('many writers of one layer all succeed', async (t) => {
  const rig = await layerRig(t);
  const stores = Array.from({ length: 8 }, () => new FileLayerStore({ directory: join(rig.directory, 'layers') }));
  const layers = await Promise.all(stores.map((store) => store.write(sample)));
  assert.equal(new Set(layers.map(({ diffId }) => diffId)).size, 1);
  const names = await readdir(join(rig.directory, 'layers'));
  assert.deepEqual(names.map((name) => name.replace(/^[^.]*/, '')).sort(), ['.index.json', '.tar']);
  const tar = join(rig.directory, 'layers', names.find((name) => name.endsWith('.tar')) ?? '');
  assert.equal(digestOf((await readAll(createReadStream(tar), 1_000_000)) ?? ''), layers[0]?.diffId);
});

test('20,000 small files take seconds', async (t) => {
  const rig = await layerRig(t);
  const inputs = Array.from({ length: 20_000 }, (_, index) => file(`f${index}`, `content ${index}`));
  const started = performance.now();
  const layer = await rig.store.write(inputs);
  const elapsedMs = performance.now() - started;
  assert.equal((await layer.members()).length, 20_000);
  assert.ok(elapsedMs < 10_000, `${elapsedMs} ms`);
});
