import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStore } from '../../content/memory-store';
import { streamOf } from '../../filetree/read-file';
import type { Descriptor } from '../../oci/descriptor';
import { digestOf } from '../../oci/digest';
import type { ImageConfig } from '../../oci/image-config';
import { parseImageManifest } from '../../oci/manifest';
import type { Remote } from '../../solver/contract';
import { describeImage, writeImage } from './write-image';

const config: ImageConfig = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } };

async function remoteOf(...contents: readonly string[]): Promise<Remote> {
  const provider = new MemoryStore();
  const descriptors: Descriptor[] = [];
  for (const content of contents) {
    const bytes = Buffer.from(content);
    const descriptor = {
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: digestOf(bytes),
      size: bytes.length,
      annotations: {
        'containerd.io/uncompressed': digestOf('plain'),
        'buildkit/createdat': 'now',
        'containerd.io/distribution.source.docker.io': 'library/x',
        'containerd.io/snapshot/stargz/toc.digest': 'kept',
      },
    };
    await provider.put(descriptor, () => Promise.resolve(streamOf(bytes)));
    descriptors.push(descriptor);
  }
  return { descriptors, provider };
}

/** A store that notes what is written to it, in order. */
class NotingStore extends MemoryStore {
  readonly notes: string[] = [];

  override async put(...args: Parameters<MemoryStore['put']>) {
    const outcome = await super.put(...args);
    this.notes.push(args[0].mediaType.includes('config') ? 'config' : 'layer');
    return outcome;
  }

  override putManifest(...args: Parameters<MemoryStore['putManifest']>) {
    this.notes.push(`manifest ${args[1]?.tag ?? ''}`.trim());
    return super.putManifest(...args);
  }
}

test('layers and config go first, then the manifest, the other tags last; equal layers once', async () => {
  const store = new NotingStore();
  const remote = await remoteOf('one', 'two', 'one');
  const written = await writeImage({ config, remote }, store, { ociMediaTypes: true, tags: ['1', 'latest'] });
  assert.deepEqual(store.notes.slice(0, 3).sort(), ['config', 'layer', 'layer']);
  assert.deepEqual(store.notes.slice(-2), ['manifest 1', 'manifest latest']);
  const stored = await store.getManifest('latest');
  assert.equal(stored?.descriptor.digest, written.manifest.digest);
  const manifest = parseImageManifest(stored.bytes);
  assert.deepEqual(
    manifest.layers.map(({ digest }) => digest),
    remote.descriptors.map(({ digest }) => digest),
  );
  assert.deepEqual(manifest.layers[0]?.annotations, { 'containerd.io/snapshot/stargz/toc.digest': 'kept' });
  assert.ok(await store.has(manifest.config));
});

test("with Docker's media types, the manifest has its annotations, as from BuildKit, and the layers have none", async () => {
  const { descriptors } = await remoteOf('one');
  const bytes = describeImage(config, descriptors, { ociMediaTypes: false, annotations: { a: 'b' } });
  const manifest = parseImageManifest(bytes.manifest);
  assert.equal(manifest.mediaType, 'application/vnd.docker.distribution.manifest.v2+json');
  assert.equal(manifest.config.mediaType, 'application/vnd.docker.container.image.v1+json');
  assert.equal(manifest.layers[0]?.mediaType, 'application/vnd.docker.image.rootfs.diff.tar.gzip');
  assert.deepEqual(manifest.annotations, { a: 'b' });
  assert.deepEqual(
    manifest.layers.map(({ annotations }) => annotations),
    [undefined],
  );
  const oci = parseImageManifest(
    describeImage(config, descriptors, { ociMediaTypes: true, annotations: { a: 'b' } }).manifest,
  );
  assert.deepEqual(oci.annotations, { a: 'b' });
});

test('a layer that cannot be read leaves no manifest and no tag', async () => {
  const store = new NotingStore();
  const remote = await remoteOf('one', 'two');
  const lost = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf('lost'), size: 4 };
  const broken = { ...remote, descriptors: [...remote.descriptors, lost] };
  const options = { ociMediaTypes: true, tags: ['1'] };
  await assert.rejects(writeImage({ config, remote: broken }, store, options), { code: 'BLOB_MISSING' });
  assert.ok(!store.notes.some((note) => note.startsWith('manifest')));
  assert.equal(await store.resolve('1'), undefined);
});

test('an abort is the reason that comes out', async () => {
  const controller = new AbortController();
  const remote = await remoteOf('one');
  const writing = writeImage({ config, remote }, new MemoryStore(), {
    ...{ ociMediaTypes: true, tags: ['1'], signal: controller.signal },
    onLayer: () => {
      controller.abort(new Error('stop'));
    },
  });
  await assert.rejects(writing, /stop/);
});
