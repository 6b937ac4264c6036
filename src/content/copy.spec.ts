import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { isCodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import { serializeManifest, type Manifest } from '../oci/manifest';
import { mediaTypes } from '../oci/media-types';
import { sampleBlob } from '../testing/content-store-contract';
import { copyBlob, copyGraph } from './copy';
import type { BlobSource, ContentStore, Mounter, PutOptions, PutOutcome } from './contract';
import { MemoryStore } from './memory-store';

/** Notes what is asked of it, and how much at once. */
class WatchedStore extends MemoryStore {
  readonly log: string[] = [];
  mostAtOnce = 0;
  #running = 0;

  override async put(descriptor: Descriptor, source: BlobSource, options?: PutOptions): Promise<PutOutcome> {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#running);
    await new Promise((resolve) => setTimeout(resolve, 2));
    this.log.push(`put ${descriptor.size}`);
    return super.put(descriptor, source, options).finally(() => this.#running--);
  }

  override putManifest(...args: Parameters<MemoryStore['putManifest']>): Promise<Descriptor> {
    this.log.push(`manifest ${args[1]?.tag ?? '-'}`);
    return super.putManifest(...args);
  }
}

class MountingStore extends MemoryStore implements Mounter {
  readonly asked: string[] = [];
  mount(_descriptor: Descriptor, fromRepository: string): Promise<boolean> {
    this.asked.push(fromRepository);
    return Promise.resolve(fromRepository === 'acme/base');
  }
}

const put = (store: ContentStore, manifest: Manifest, tag?: string): Promise<Descriptor> =>
  store.putManifest(
    { mediaType: manifest.mediaType, bytes: serializeManifest(manifest) },
    tag === undefined ? {} : { tag },
  );

async function putBlob(
  store: ContentStore,
  content: string,
  mediaType: string = mediaTypes.ociLayer,
): Promise<Descriptor> {
  const { descriptor, source } = sampleBlob(content);
  await store.put(descriptor, source);
  return { ...descriptor, mediaType };
}

/** Two images that share a layer, in an index with tag `all`. */
async function sampleIndex(): Promise<{ readonly source: MemoryStore; readonly index: Descriptor }> {
  const source = new MemoryStore('the source');
  const shared = await putBlob(source, 'shared');
  const manifests: Descriptor[] = [];
  for (const name of ['one', 'three']) {
    const config = await putBlob(source, `{"${name}":0}`, mediaTypes.ociConfig);
    const layers = [shared, await putBlob(source, `${name}, which is its own`)];
    manifests.push(await put(source, { kind: 'manifest', mediaType: mediaTypes.ociManifest, config, layers }));
  }
  const index = await put(source, { kind: 'index', mediaType: mediaTypes.ociIndex, manifests }, 'all');
  return { source, index };
}

test('an index is copied with all below it, each blob once, the tag last', async () => {
  const { source, index } = await sampleIndex();
  const target = new WatchedStore();
  const outcomes: string[] = [];
  const copied = await copyGraph({ source, target }, 'all', {
    tag: 'copy',
    concurrency: 2,
    onBlob: (_, outcome) => void outcomes.push(outcome),
  });
  assert.deepEqual(copied, index);
  assert.deepEqual(await target.resolve('copy'), index);
  assert.equal(target.log.filter((line) => line.startsWith('put')).length, 5);
  assert.deepEqual(outcomes, Array<string>(5).fill('written'));
  assert.equal(target.mostAtOnce, 2);
  assert.deepEqual(
    target.log.filter((line) => line.startsWith('manifest')),
    ['manifest -', 'manifest -', 'manifest copy'],
  );
  assert.equal(target.log.at(-1), 'manifest copy');
});

test('what the target has is not read from the source', async () => {
  const { source } = await sampleIndex();
  const target = new MemoryStore();
  await copyGraph({ source, target }, 'all');
  const outcomes = new Set<PutOutcome>();
  source.open = () => Promise.reject(new Error('it was read'));
  await copyGraph({ source, target }, 'all', { onBlob: (_, outcome) => void outcomes.add(outcome) });
  assert.deepEqual([...outcomes], ['already-present']);
});

test('a cache in the form of an index, whose children are blobs, is copied', async () => {
  const source = new MemoryStore();
  const manifests = [
    await putBlob(source, 'layer'),
    await putBlob(source, '{}', 'application/vnd.buildkit.cacheconfig.v0'),
  ];
  const index = await put(source, { kind: 'index', mediaType: mediaTypes.dockerIndex, manifests }, 'cache');
  const target = new MemoryStore();
  assert.deepEqual(await copyGraph({ source, target }, index.digest), index);
  for (const blob of manifests) assert.equal(await target.has(blob), true);
});

test("a missing blob is the source's fault, and nothing points at the half copy", async () => {
  const { source } = await sampleIndex();
  await source.deleteBlob(sampleBlob('shared').descriptor);
  const target = new MemoryStore();
  await assert.rejects(
    copyGraph({ source, target }, 'all', { tag: 'copy' }),
    (error) => isCodedError(error, 'BLOB_MISSING') && error.detail.store === 'the source',
  );
  assert.equal(await target.resolve('copy'), undefined);
});

test('a reference that the source does not have is refused', async () => {
  const stores = { source: new MemoryStore(), target: new MemoryStore() };
  await assert.rejects(copyGraph(stores, 'nothing'), (error) => isCodedError(error, 'CONTENT_GRAPH_INVALID'));
});

test('indexes nested too deep are refused', async () => {
  const source = new MemoryStore();
  let inner = await put(source, { kind: 'index', mediaType: mediaTypes.ociIndex, manifests: [] });
  for (let depth = 0; depth < 8; depth++) {
    inner = await put(source, { kind: 'index', mediaType: mediaTypes.ociIndex, manifests: [inner] });
  }
  const stores = { source, target: new MemoryStore() };
  await assert.rejects(copyGraph(stores, inner.digest), (error) => isCodedError(error, 'CONTENT_GRAPH_INVALID'));
});

test('a manifest that is not of the type its parent says is refused', async () => {
  const source = new MemoryStore();
  const child = await put(source, { kind: 'index', mediaType: mediaTypes.ociIndex, manifests: [] });
  const lying = { ...child, mediaType: mediaTypes.ociManifest };
  await put(source, { kind: 'index', mediaType: mediaTypes.ociIndex, manifests: [lying] }, 'a');
  const stores = { source, target: new MemoryStore() };
  await assert.rejects(copyGraph(stores, 'a'), (error) => isCodedError(error, 'MANIFEST_INVALID'));
});

test('an abort stops a copy with its reason', async () => {
  const { source } = await sampleIndex();
  const abort = new AbortController();
  const reason = new Error('enough');
  source.open = () => {
    abort.abort(reason);
    return Promise.resolve(new Readable({ read: () => undefined }));
  };
  const stores = { source, target: new MemoryStore() };
  await assert.rejects(copyGraph(stores, 'all', { signal: abort.signal }), (error) => error === reason);
});

test('a blob is mounted where that works and sent where it does not', async () => {
  const source = new MemoryStore();
  const descriptor = await putBlob(source, 'layer');
  const target = new MountingStore();
  assert.equal(await copyBlob({ source, target }, descriptor, { mountFrom: 'acme/base' }), 'mounted');
  assert.equal(await copyBlob({ source, target }, descriptor, { mountFrom: 'acme/other' }), 'written');
  assert.deepEqual(target.asked, ['acme/base', 'acme/other']);
});

test('layers that may not be redistributed stay where they are, unless asked for', async () => {
  const source = new MemoryStore();
  const config = await putBlob(source, '{}', mediaTypes.ociConfig);
  const layers = [await putBlob(source, 'foreign', mediaTypes.ociForeignLayer)];
  await put(source, { kind: 'manifest', mediaType: mediaTypes.ociManifest, config, layers }, 'a');
  const target = new MemoryStore();
  await copyGraph({ source, target }, 'a');
  assert.equal(await target.has(layers[0]!), false);
  await copyGraph({ source, target }, 'a', { foreignLayers: true });
  assert.equal(await target.has(layers[0]!), true);
});
