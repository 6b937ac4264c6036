import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { DirectoryStore } from '../content/directory-store';
import { MemoryStore } from '../content/memory-store';
import { digestOf, hexOf, type Digest } from '../oci/digest';
import { parseImageIndex, parseManifest } from '../oci/manifest';
import { mediaTypes } from '../oci/media-types';
import { repositoryRoot } from '../testing/repository-root';
import { findCacheConfig, writeCacheManifest } from './cache-manifest';
import { collectExport, type CollectedCache } from './collect-export';
import { cacheConfigMediaType, uncompressedAnnotation, type CacheMode, type Remote } from './contract';
import { exportCache } from './export-cache';
import type { ExportableRecord } from './exportable-record';
import { importCache } from './import-cache';

const golden = join(repositoryRoot(), 'test-data/golden/caches');
const form = { imageManifest: true, ociMediaTypes: true };

/** A chain of layers whose bytes are their names. */
async function remoteOf(disk: MemoryStore, layers: readonly string[]): Promise<Remote> {
  const descriptors = layers.map((name) => ({
    mediaType: mediaTypes.ociLayerGzip,
    digest: digestOf(name),
    size: name.length,
    annotations: { [uncompressedAnnotation]: digestOf(`diff ${name}`) },
  }));
  for (const [index, descriptor] of descriptors.entries()) {
    await disk.put(descriptor, () => Promise.resolve(Readable.from([Buffer.from(layers[index] ?? '')])));
  }
  return { descriptors, provider: disk };
}

const image: ExportableRecord<readonly string[]> = { digest: digestOf('image'), inputs: [] };
const context: ExportableRecord<readonly string[]> = { digest: undefined, inputs: [] };

function step(
  name: string,
  inputs: readonly ExportableRecord<readonly string[]>[],
  layers: readonly string[],
): ExportableRecord<readonly string[]> {
  return {
    digest: digestOf(name),
    inputs: inputs.map((record) => [{ record }]),
    result: { createdAt: '2026-01-02T03:04:05Z', origin: { kind: 'result', result: layers } },
  };
}

async function collect(
  targets: readonly ExportableRecord<readonly string[]>[],
  mode: CacheMode = 'max',
): Promise<CollectedCache> {
  const disk = new MemoryStore('disk');
  return collectExport(targets, {
    mode,
    resolveRemote: (origin) => remoteOf(disk, origin.kind === 'result' ? origin.result : []),
  });
}

const names = (digests: Iterable<Digest>): readonly string[] =>
  [...digests].map((digest) => ['a', 'b', 'c', 'd'].find((name) => digestOf(name) === digest) ?? '?').sort();

test('the manifests that BuildKit wrote are written byte for byte from what was read of them', () => {
  const index = parseImageIndex(readFileSync(join(golden, 'index.json')));
  assert.equal(index.manifests.length, 9);
  for (const { digest, mediaType } of index.manifests) {
    const bytes = readFileSync(join(golden, 'blobs/sha256', hexOf(digest)));
    const { config, layers } = findCacheConfig(parseManifest(bytes))!;
    // A blob that lies on two parents is listed twice.
    const list = JSON.parse(bytes.toString()) as Record<string, { digest: Digest; mediaType: string }[]>;
    const order = (list['layers'] ?? list['manifests'] ?? []).filter(
      (child) => child.mediaType !== cacheConfigMediaType,
    );
    const written = writeCacheManifest(
      order.map((child) => layers.get(child.digest)!),
      config,
      {
        imageManifest: mediaType === mediaTypes.ociManifest,
        ociMediaTypes: mediaType !== mediaTypes.dockerIndex,
      },
    );
    assert.equal(written.bytes.toString(), bytes.toString());
    assert.equal(written.mediaType, mediaType);
  }
});

test("BuildKit's caches are imported, by tag", async () => {
  const store = new DirectoryStore(golden);
  for (const tag of [
    'gzip-max',
    'gzip-min',
    'zstd-max',
    'zstd-force',
    'zstd-19-force',
    'estargz-force',
    'uncompressed-force',
    'docker-mediatypes',
    'index',
  ]) {
    const outcome = await importCache(store, tag, { name: tag });
    assert.ok(outcome.kind === 'imported', tag);
    assert.equal(outcome.parts[0]!.config.records.length, 16, tag);
    const results = outcome.parts[0]!.config.records.flatMap(({ digest }) => outcome.source.find(digest)).flatMap(
      (record) => record.results,
    );
    assert.equal(results.length, tag === 'gzip-min' ? 3 : 9, tag);
    for (const result of results) assert.equal(result.open()?.kind, 'remote', tag);
  }
});

test('mode=max: results of all steps; what depends on the context alone is left out', async () => {
  const lower = step('lower', [image], ['a', 'b']);
  const { config, layers } = await collect([
    step('upper', [lower], ['a', 'b', 'c']),
    step('lost', [image, context], ['d']),
  ]);
  assert.equal(config.records.length, 3);
  assert.deepEqual(names(layers.keys()), ['a', 'b', 'c']);
  assert.equal(config.records.filter((record) => record.layers.length > 0).length, 2);
});

test('mode=min: the layers of the target and no others', async () => {
  const lower = step('lower', [image], ['a', 'b']);
  const other = step('other', [image], ['a', 'd']);
  const { config, layers } = await collect([step('upper', [lower, other], ['a', 'b', 'c'])], 'min');
  assert.equal(config.records.length, 4);
  assert.deepEqual(names(layers.keys()), ['a', 'b', 'c']);
  assert.equal(config.records.filter((record) => record.layers.length > 0).length, 2);
});

test('mode=min compresses only the target', async () => {
  const created: string[] = [];
  const disk = new MemoryStore('disk');
  const lower = step('lower', [image], ['a', 'b']);
  await collectExport([step('upper', [lower, step('other', [image], ['d'])], ['a', 'b', 'c'])], {
    mode: 'min',
    resolveRemote: (origin, { create }) => {
      const layers = origin.kind === 'result' ? origin.result : [];
      if (create) created.push(layers.join(''));
      return remoteOf(disk, layers);
    },
  });
  assert.deepEqual(created, ['abc']);
});

test('what is exported comes back, and a second export sends nothing', async () => {
  const cache = await collect([step('upper', [step('lower', [image], ['a', 'b'])], ['a', 'b', 'c'])]);
  for (const shape of [
    form,
    { imageManifest: false, ociMediaTypes: true },
    { imageManifest: false, ociMediaTypes: false },
  ]) {
    const registry = new MemoryStore('registry');
    const first = await exportCache(cache, registry, { tag: 'x', ...shape });
    assert.ok(first.kind === 'written' && first.blobsWritten === 4);
    const outcome = await importCache(registry, 'x', { name: 'registry:x' });
    assert.ok(outcome.kind === 'imported');
    assert.deepEqual(outcome.parts[0]?.config, cache.config);
    assert.equal(outcome.manifest.digest, first.manifest.digest);
    const [record] = outcome.source.find(digestOf('upper'));
    const origin = record?.results[0]?.open();
    assert.ok(origin?.kind === 'remote');
    assert.deepEqual(
      origin.remote.descriptors.map(({ digest }) => digest),
      ['a', 'b', 'c'].map((name) => digestOf(name)),
    );
    const again = await exportCache(cache, registry, {
      tag: 'x',
      isPresent: (digest) => outcome.blobs.has(digest),
      ...shape,
    });
    assert.ok(again.kind === 'written' && again.blobsWritten === 0 && again.manifest.digest === first.manifest.digest);
  }
});

test('a cache without layers is not written', async () => {
  const registry = new MemoryStore();
  assert.deepEqual(await exportCache(await collect([image]), registry, { tag: 'x', ...form }), {
    kind: 'empty',
    dropped: [],
  });
  assert.equal(await registry.resolve('x'), undefined);
});

test('a failing upload leaves the old tag, and stops the other uploads', async () => {
  const registry = new MemoryStore();
  await exportCache(await collect([step('old', [image], ['a'])]), registry, { tag: 'x', ...form });
  const before = await registry.resolve('x');
  const cache = await collect([step('new', [image], ['a', 'b', 'c', 'd'])]);
  const broken = new Map(cache.layers);
  for (const [digest, { descriptor }] of cache.layers) {
    broken.set(digest, {
      descriptor,
      provider: { has: () => Promise.resolve(false), open: () => Promise.reject(new Error('gone')) },
    });
  }
  await assert.rejects(exportCache({ config: cache.config, layers: broken }, registry, { tag: 'x', ...form }), /gone/);
  assert.deepEqual(await registry.resolve('x'), before);
});

test('a cache that cannot be used is an outcome with a reason', async () => {
  const registry = new MemoryStore('registry');
  assert.deepEqual(await importCache(registry, 'none', { name: 'n' }), { kind: 'missing' });
  const put = (tag: string, manifest: unknown, mediaType: string = mediaTypes.ociManifest) =>
    registry.putManifest({ mediaType, bytes: Buffer.from(JSON.stringify(manifest)) }, { tag });
  const layer = { mediaType: mediaTypes.ociLayer, digest: digestOf('x'), size: 1 };
  const config = (size: number) => ({ mediaType: cacheConfigMediaType, digest: digestOf('config'), size });
  const image = Buffer.from('{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}');
  const imageConfig = { mediaType: mediaTypes.ociConfig, digest: digestOf(image), size: image.length };
  await registry.put(imageConfig, () => Promise.resolve(Readable.from([image])));
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest };
  await put('image', { ...manifest, config: imageConfig, layers: [layer] });
  await put('lost', { ...manifest, config: config(1), layers: [layer] });
  await put('large', { ...manifest, config: config(1e9), layers: [layer] });
  const reasons: Record<string, RegExp> = { image: /an image and no build cache/, lost: /no blob/, large: /more than/ };
  for (const [tag, message] of Object.entries(reasons)) {
    const outcome = await importCache(registry, tag, { name: tag });
    assert.ok(outcome.kind === 'unusable' && outcome.reason === 'invalid', tag);
    assert.match(outcome.message, message);
  }
  registry.getManifest = () => Promise.reject(new Error('connection reset'));
  const outcome = await importCache(registry, 'x', { name: 'x' });
  assert.ok(outcome.kind === 'unusable' && outcome.reason === 'unavailable');
  await assert.rejects(
    importCache(registry, 'x', { name: 'x', signal: AbortSignal.abort(new Error('enough')) }),
    /enough/,
  );
});
