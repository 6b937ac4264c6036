import assert from 'node:assert/strict';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { createCompressor } from '../../compression/create-compressor';
import { MemoryStore } from '../../content/memory-store';
import { readAll } from '../../filetree/read-file';
import { digestOf } from '../../oci/digest';
import type { Descriptor } from '../../oci/descriptor';
import type { Layer } from '../contract';
import { gzipCompressors } from '../testing/gzip-compressor';
import { file, layerRig } from '../testing/layer-rig';
import { CompressedLayers } from './compressed-layers';
import { localLayer } from './lazy-layer';

const gzip = { compression: { type: 'gzip' } } as const;

test('a layer is compressed once, however many ask, and known to the next process', async (t) => {
  const rig = await layerRig(t);
  const stored = await rig.store.write([file('a', 'content')]);
  const layer = localLayer(rig.store, stored, '2026-01-02T03:04:05Z');
  const codecs = gzipCompressors();
  const directory = join(rig.directory, 'blobs');
  const layers = new CompressedLayers({ directory, compress: codecs.compress });
  const [remote, other] = await Promise.all([layers.remoteOf([layer], gzip), layers.remoteOf([layer], gzip)]);
  assert.equal(codecs.count(), 1);
  assert.deepEqual(remote.descriptors, other.descriptors);
  const [descriptor] = remote.descriptors;
  assert.ok(descriptor);
  assert.equal(descriptor.mediaType, 'application/vnd.oci.image.layer.v1.tar+gzip');
  assert.deepEqual(descriptor.annotations, {
    'containerd.io/uncompressed': stored.diffId,
    'buildkit/createdat': '2026-01-02T03:04:05Z',
  });
  const bytes = await readAll(await remote.provider.open(descriptor), 1_000_000);
  assert.equal(digestOf(gunzipSync(bytes ?? '')), stored.diffId);
  assert.equal(bytes?.length, descriptor.size);
  const next = new CompressedLayers({ directory, compress: codecs.compress });
  assert.deepEqual((await next.remoteOf([layer], gzip)).descriptors, remote.descriptors);
  assert.equal(codecs.count(), 1);
});

test('a note or a blob that is lost or broken means compressing again', async (t) => {
  const rig = await layerRig(t);
  const layer = localLayer(rig.store, await rig.store.write([file('a', 'content')]));
  const codecs = gzipCompressors();
  const directory = join(rig.directory, 'blobs');
  const again = async () =>
    (await new CompressedLayers({ directory, compress: codecs.compress }).remoteOf([layer], gzip)).descriptors;
  const first = await again();
  const names = await readdir(directory);
  const note = join(directory, names.find((name) => name.endsWith('.json')) ?? '');
  const blob = join(directory, names.find((name) => name.startsWith('sha256-')) ?? '');
  await writeFile(note, '{"digest":');
  assert.deepEqual(await again(), first);
  assert.equal(codecs.count(), 2);
  await rm(blob);
  assert.deepEqual(await again(), first);
  assert.equal(codecs.count(), 3);
});

test('a blob that exists is used without download unless another compression is forced', async (t) => {
  const rig = await layerRig(t);
  const stored = await rig.store.write([file('a', 'content')]);
  const descriptor: Descriptor = {
    mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd',
    digest: digestOf('elsewhere'),
    size: 9,
  };
  let loads = 0;
  const layer: Layer = {
    diffId: stored.diffId,
    blobs: [{ descriptor, provider: new MemoryStore() }],
    load: () => {
      loads++;
      return Promise.resolve(stored);
    },
  };
  const layers = new CompressedLayers({
    directory: join(rig.directory, 'blobs'),
    compress: gzipCompressors().compress,
  });
  const [kept] = (await layers.remoteOf([layer], gzip)).descriptors;
  assert.deepEqual([kept?.digest, loads], [descriptor.digest, 0]);
  const zstd = { compression: { type: 'zstd' }, force: true } as const;
  assert.equal((await layers.remoteOf([layer], zstd)).descriptors[0]?.digest, descriptor.digest);
  const [forced] = (await layers.remoteOf([layer], { ...gzip, force: true })).descriptors;
  assert.deepEqual([forced?.mediaType.endsWith('+gzip'), loads], [true, 1]);
});

test('one who gives up does not stop the others', async (t) => {
  const rig = await layerRig(t);
  const layer = localLayer(rig.store, await rig.store.write([file('a', 'x'.repeat(100_000))]));
  const layers = new CompressedLayers({
    directory: join(rig.directory, 'blobs'),
    compress: gzipCompressors().compress,
  });
  const leaving = new AbortController();
  const left = layers.remoteOf([layer], { ...gzip, signal: leaving.signal });
  const stayed = layers.remoteOf([layer], gzip);
  leaving.abort(new Error('leaving'));
  await assert.rejects(left, /leaving/);
  assert.equal((await stayed).descriptors.length, 1);
  const unknown: Descriptor = { mediaType: '', digest: digestOf('x'), size: 1 };
  await assert.rejects((await stayed).provider.open(unknown), { code: 'BLOB_MISSING' });
});

test('an estargz says the diffID of what it unpacks to, which has the table of contents in it', async (t) => {
  const rig = await layerRig(t);
  const stored = await rig.store.write([file('a', 'content')]);
  const layers = new CompressedLayers({ directory: join(rig.directory, 'blobs'), compress: createCompressor });
  const remote = await layers.remoteOf([localLayer(rig.store, stored)], { compression: { type: 'estargz' } });
  const [descriptor] = remote.descriptors;
  assert.ok(descriptor);
  const bytes = await readAll(await remote.provider.open(descriptor), 1_000_000);
  const unpacked = digestOf(gunzipSync(bytes ?? ''));
  assert.notEqual(unpacked, stored.diffId);
  assert.equal(descriptor.annotations?.['containerd.io/uncompressed'], unpacked);
});
