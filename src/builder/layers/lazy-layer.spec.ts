import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { BlobReader } from '../../content/contract';
import { MemoryStore } from '../../content/memory-store';
import { isCodedError } from '../../diagnostics/coded-error';
import { readAll, streamOf } from '../../filetree/read-file';
import { digestOf } from '../../oci/digest';
import type { LayerBlob } from '../contract';
import { file, layerRig, type LayerRig } from '../testing/layer-rig';
import { layerText } from '../testing/tree-text';
import { FileLayerStore } from './layer-store';
import { LazyLayer } from './lazy-layer';

/** A layer's tar as another machine made it, and a blob of it. */
async function elsewhere(rig: LayerRig, pack: (tar: Buffer) => Buffer = gzipSync) {
  const stored = await rig.store.write([file('a', 'content'), file('b', 'x'.repeat(5000))]);
  const bytes = pack((await readAll(await stored.openTar(), 1_000_000)) ?? Buffer.alloc(0));
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  const memory = new MemoryStore();
  await memory.put(descriptor, () => Promise.resolve(streamOf(bytes)));
  let opened = 0;
  const provider: BlobReader = {
    has: (...args) => memory.has(...args),
    open: (...args) => {
      opened++;
      return memory.open(...args);
    },
  };
  const blob: LayerBlob = { descriptor, provider };
  return { diffId: stored.diffId, blob, opened: () => opened };
}

function emptyStore(rig: LayerRig): FileLayerStore {
  return new FileLayerStore({ directory: `${rig.directory}/other` });
}

for (const [name, pack] of [
  ['gzip', gzipSync],
  ['plain', (tar: Buffer) => tar],
] as const) {
  test(`a ${name} blob is downloaded once, however many ask, and never again`, async (t) => {
    const rig = await layerRig(t);
    const { diffId, blob, opened } = await elsewhere(rig, pack);
    const store = emptyStore(rig);
    const started: unknown[] = [];
    const layer = new LazyLayer({ store, diffId, blobs: [blob], onDownload: (each) => started.push(each) });
    const [one, two] = await Promise.all([layer.load(), layer.load()]);
    assert.equal(one, two);
    assert.deepEqual(await layerText(one), ['+ a', '+ b']);
    await new LazyLayer({ store, diffId, blobs: [blob] }).load();
    assert.deepEqual([opened(), started], [1, [blob]]);
  });
}

test('the next blob is tried where one fails; when none is left, all reasons are told', async (t) => {
  const rig = await layerRig(t);
  const { diffId, blob } = await elsewhere(rig);
  const gone = { ...blob, provider: new MemoryStore() };
  const other = await elsewhere({ ...rig, store: rig.store }, () => gzipSync('not this layer'));
  const wrong = other.blob;
  const loaded = await new LazyLayer({ store: emptyStore(rig), diffId, blobs: [gone, wrong, blob] }).load();
  assert.equal(loaded.diffId, diffId);
  const store = new FileLayerStore({ directory: `${rig.directory}/third` });
  await assert.rejects(new LazyLayer({ store, diffId, blobs: [gone, wrong] }).load(), (error) => {
    assert.ok(isCodedError(error, 'LAYER_UNAVAILABLE'));
    assert.ok(error.cause instanceof AggregateError);
    const codes = error.cause.errors.map((each: unknown) => (isCodedError(each) ? each.code : String(each)));
    assert.deepEqual(codes, ['BLOB_MISSING', 'LAYER_CORRUPT']);
    return true;
  });
  await assert.rejects(new LazyLayer({ store, diffId, blobs: [] }).load(), { code: 'LAYER_UNAVAILABLE' });
});

test('the right blob with the wrong diffID is refused', async (t) => {
  const rig = await layerRig(t);
  const { blob } = await elsewhere(rig);
  const layer = new LazyLayer({ store: emptyStore(rig), diffId: digestOf('promised'), blobs: [blob] });
  await assert.rejects(
    layer.load(),
    (error) => isCodedError(error, 'LAYER_UNAVAILABLE') && isCodedError(error.cause, 'LAYER_CORRUPT'),
  );
});

test('an abort stops the download and is what comes out', async (t) => {
  const rig = await layerRig(t);
  const { diffId, blob } = await elsewhere(rig);
  const controller = new AbortController();
  const stuck: BlobReader = {
    has: () => Promise.resolve(true),
    open: (_, options) =>
      new Promise((_resolve, reject) => {
        options?.signal?.addEventListener('abort', () => {
          reject(options.signal?.reason as Error);
        });
        controller.abort(new Error('stop'));
      }),
  };
  const layer = new LazyLayer({ store: emptyStore(rig), diffId, blobs: [{ ...blob, provider: stuck }] });
  await assert.rejects(layer.load({ signal: controller.signal }), /stop/);
});
