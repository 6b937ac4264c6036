import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { parseImageIndex } from '../oci/manifest';
import { digestOf } from '../oci/digest';
import { mediaTypes } from '../oci/media-types';
import { MemoryStore } from '../content/memory-store';
import { DirectoryStore } from '../content/directory-store';
import { TemporaryDirectory } from '../testing/temporary-directory';
import type { PlacedAnnotation } from './contract';
import { describeIndex, writeIndex } from './embedded/image-index';
import { annotationsAt } from './image-annotations';

const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64' };

const placedAnnotations: readonly PlacedAnnotation[] = [
  { place: 'manifest', platform: arm64, key: 'a', value: 'arm' },
  { place: 'manifest-descriptor', platform: arm64, key: 'd', value: 'arm' },
  { place: 'manifest-descriptor', key: 'd', value: 'all' },
  { place: 'index', key: 'i', value: '1' },
];
const request = { annotations: { a: 'all', b: 'all' }, placedAnnotations };

test('annotations of a platform win over those of all, in whatever order they come', () => {
  assert.deepEqual(annotationsAt(request, 'manifest', amd64), { a: 'all', b: 'all' });
  assert.deepEqual(annotationsAt(request, 'manifest', arm64), { a: 'arm', b: 'all' });
  assert.deepEqual(annotationsAt(request, 'manifest-descriptor', arm64), { d: 'arm' });
  assert.deepEqual(annotationsAt(request, 'manifest-descriptor', amd64), { d: 'all' });
  assert.deepEqual(annotationsAt(request, 'index'), { i: '1' });
  assert.equal(annotationsAt(request, 'index-descriptor'), undefined);
  assert.equal(annotationsAt({ annotations: {} }, 'manifest', amd64), undefined);
});

test('an index has its annotations and those of its descriptors; its own are in the entry of a layout', async () => {
  await using directory = await TemporaryDirectory.create();
  const manifest = { mediaType: mediaTypes.ociManifest, digest: digestOf('x'), size: 1 };
  const index = describeIndex([{ platform: amd64, manifest, annotations: { d: 'all' } }], {
    ociMediaTypes: true,
    annotations: { i: '1' },
  });
  const parsed = parseImageIndex(index.bytes);
  assert.deepEqual(parsed.annotations, { i: '1' });
  assert.deepEqual(parsed.manifests[0]?.annotations, { d: 'all' });
  const layout = new DirectoryStore(directory.path);
  for (const store of [layout, new MemoryStore('memory')]) {
    await writeIndex(index, store, { tags: ['one', 'two'], annotations: { o: '2' } });
    assert.equal((await store.resolve('two'))?.digest, index.descriptor.digest);
  }
  const { manifests } = parseImageIndex(await readFile(directory.join('index.json')));
  assert.deepEqual(
    manifests.map(({ annotations }) => annotations),
    ['one', 'two'].map((tag) => ({ 'org.opencontainers.image.ref.name': tag, o: '2' })),
  );
});
