import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { DirectoryStore } from '../content/directory-store';
import { MemoryStore } from '../content/memory-store';
import { isCodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import { digestOf, type Digest } from '../oci/digest';
import type { ImageConfig } from '../oci/image-config';
import { serializeManifest } from '../oci/manifest';
import { mediaTypes } from '../oci/media-types';
import { goldenCaches, goldenCachesOption, goldenTags } from '../testing/golden-caches';
import { MAX_CHAIN_LAYERS, parseCacheConfig } from './cache-config';
import { cacheConfigMediaType, uncompressedAnnotation, type CacheConfig } from './contract';
import { importCache } from './import-cache';
import { inlineCacheKey, inlineRecords, withInlineCache } from './inline-cache';
import { readStoredCache } from './read-cache';

async function put(store: MemoryStore, mediaType: string, content: string | Buffer): Promise<Descriptor> {
  const bytes = Buffer.from(content);
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  await store.put(descriptor, () => Promise.resolve(Readable.from([bytes])));
  return descriptor;
}

const diffIds = ['a', 'b', 'c'].map((name) => digestOf(`diff ${name}`));
const createdAt = '2026-01-02T03:04:05Z';

/** Root, a step of layer a, one of a and b, and one of c alone, which no prefix of the image is. */
const built: CacheConfig = {
  layers: [
    { blob: diffIds[0]!, parent: -1 },
    { blob: diffIds[1]!, parent: 0 },
    { blob: diffIds[2]!, parent: -1 },
    { blob: digestOf('diff elsewhere'), parent: -1 },
  ],
  records: [
    { digest: digestOf('root'), layers: [], inputs: [] },
    { digest: digestOf('one'), layers: [{ layer: 0, createdAt }], inputs: [[{ link: 0 }]] },
    {
      digest: digestOf('two'),
      layers: [{ layer: 1, createdAt }],
      inputs: [[{ selector: digestOf('s'), link: 1 }, { link: 0 }]],
    },
    { digest: digestOf('three'), layers: [{ layer: 2, createdAt }], inputs: [[{ link: 0 }]] },
    { digest: digestOf('other'), layers: [{ layer: 3, createdAt }], inputs: [[{ link: 0 }]] },
  ],
};

async function putImage(store: MemoryStore, records: Buffer | undefined, tag?: string): Promise<Descriptor> {
  const layers = await Promise.all(['a', 'b', 'c'].map((name) => put(store, mediaTypes.ociLayerGzip, name)));
  const image: ImageConfig = {
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: [
      { created: createdAt, created_by: 'COPY a' },
      { created: createdAt, created_by: 'ENV x', empty_layer: true },
      { created: createdAt, created_by: 'RUN b' },
    ],
  };
  const config = await put(store, mediaTypes.ociConfig, JSON.stringify(withInlineCache(image, records)));
  const mediaType = mediaTypes.ociManifest;
  const bytes = serializeManifest({ kind: 'manifest', mediaType, config, layers });
  return store.putManifest({ mediaType, bytes }, tag === undefined ? {} : { tag });
}

test('all nine caches of the recorded layout are read', goldenCachesOption, async () => {
  const store = new DirectoryStore(goldenCaches);
  for (const tag of goldenTags) {
    const cache = await readStoredCache(store, tag);
    assert.equal(cache?.parts.length, 1, tag);
    const [part] = cache.parts;
    assert.equal(part?.config.records.length, 16, tag);
    assert.ok(
      part.config.layers.every(({ blob }) => part.layers.get(blob)?.annotations?.[uncompressedAnnotation]),
      tag,
    );
    assert.equal(part.form, tag === 'index' || tag === 'docker-mediatypes' ? 'index' : 'manifest');
  }
});

test("an inline cache has the image's layers, and chains where they are not its lowest ones", () => {
  const wire = JSON.parse(inlineRecords(built, diffIds)?.toString() ?? '') as unknown;
  assert.deepEqual(wire, [
    { digest: digestOf('root') },
    { layers: [{ layer: 0, createdAt }], digest: digestOf('one'), inputs: [[{ link: 0 }]] },
    {
      layers: [{ layer: 1, createdAt }],
      digest: digestOf('two'),
      inputs: [[{ selector: digestOf('s'), link: 1 }, { link: 0 }]],
    },
    { chains: [{ layers: [2], createdAt }], digest: digestOf('three'), inputs: [[{ link: 0 }]] },
  ]);
  assert.equal(inlineRecords(built, [digestOf('nothing of it')]), undefined);
});

test('an image with an inline cache is a cache', async () => {
  const store = new MemoryStore();
  await putImage(store, inlineRecords(built, diffIds), 'app');
  const outcome = await importCache(store, 'app', { name: 'app' });
  assert.ok(outcome.kind === 'imported');
  const layersOf = (name: string): readonly (readonly [Digest, string | undefined])[] => {
    const origin = outcome.source.find(digestOf(name))[0]?.results[0]?.open();
    assert.ok(origin?.kind === 'remote');
    return origin.remote.descriptors.map(({ digest, annotations }) => [digest, annotations?.[uncompressedAnnotation]]);
  };
  assert.deepEqual(layersOf('two'), [
    [digestOf('a'), diffIds[0]],
    [digestOf('b'), diffIds[1]],
  ]);
  assert.deepEqual(layersOf('three'), [[digestOf('c'), diffIds[2]]]);
  const [part] = outcome.parts;
  assert.deepEqual(part?.layers.get(digestOf('b'))?.annotations, {
    'buildkit/createdat': createdAt,
    'buildkit/description': 'RUN b',
    [uncompressedAnnotation]: diffIds[1],
  });
});

test('an index of images has the caches of all of its platforms, without attestations', async () => {
  const store = new MemoryStore();
  const image = await putImage(store, inlineRecords(built, diffIds));
  const bare = await putImage(store, undefined);
  const config = await put(
    store,
    cacheConfigMediaType,
    JSON.stringify({ records: [{ digest: digestOf('of a cache') }] }),
  );
  const mediaType = mediaTypes.ociManifest;
  const cache = await store.putManifest({
    mediaType,
    bytes: serializeManifest({ kind: 'manifest', mediaType, config, layers: [] }),
  });
  const gone = { mediaType, digest: digestOf('gone'), size: 4 };
  const platform = { os: 'linux', architecture: 'arm64' };
  const manifests = [
    { ...image, platform: { os: 'linux', architecture: 'amd64' } },
    { ...cache, platform },
    { ...bare, platform: { os: 'unknown', architecture: 'unknown' } },
    { ...gone, platform: { os: 'linux', architecture: 's390x' } },
  ];
  const bytes = serializeManifest({ kind: 'index', mediaType: mediaTypes.ociIndex, manifests });
  await store.putManifest({ mediaType: mediaTypes.ociIndex, bytes }, { tag: 'app' });
  const outcome = await importCache(store, 'app', { name: 'app' });
  assert.ok(outcome.kind === 'imported');
  assert.deepEqual(
    outcome.parts.map(({ kind, platform: of }) => [kind, of?.architecture]),
    [
      ['inline', 'amd64'],
      ['cache', 'arm64'],
    ],
  );
  assert.equal(outcome.source.find(digestOf('two')).length, 1);
  assert.equal(outcome.source.find(digestOf('of a cache')).length, 1);
});

test('a config above what BuildKit reads is read', async () => {
  const records = Array.from({ length: 20_000 }, (_, index) => ({ digest: digestOf(`${index}`) }));
  const store = new MemoryStore();
  const config = await put(store, cacheConfigMediaType, JSON.stringify({ records }));
  assert.ok(config.size > 1024 * 1024);
  const mediaType = mediaTypes.ociManifest;
  const bytes = serializeManifest({ kind: 'manifest', mediaType, config, layers: [] });
  await store.putManifest({ mediaType, bytes }, { tag: 'x' });
  assert.equal((await readStoredCache(store, 'x'))?.parts[0]?.config.records.length, 20_000);
});

const brokenInline: readonly (readonly [string, unknown])[] = [
  ['no text', 7],
  ['no base64', '***'],
  ['no JSON', Buffer.from('[').toString('base64')],
  ['no list', Buffer.from('{}').toString('base64')],
  [
    'a layer that the image does not have',
    Buffer.from(JSON.stringify([{ digest: digestOf('x'), layers: [{ layer: 9 }] }])).toString('base64'),
  ],
  [
    'a chain of a layer that it does not have',
    Buffer.from(JSON.stringify([{ digest: digestOf('x'), chains: [{ layers: [-1] }] }])).toString('base64'),
  ],
];

for (const [what, value] of brokenInline) {
  test(`an inline cache with ${what} is refused, and that is an outcome`, async () => {
    const store = new MemoryStore();
    const layer = await put(store, mediaTypes.ociLayerGzip, 'a');
    const rootfs = { type: 'layers', diff_ids: [diffIds[0]] };
    const image = { os: 'linux', architecture: 'amd64', rootfs, [inlineCacheKey]: value };
    const config = await put(store, mediaTypes.ociConfig, JSON.stringify(image));
    const mediaType = mediaTypes.ociManifest;
    const bytes = serializeManifest({ kind: 'manifest', mediaType, config, layers: [layer] });
    await store.putManifest({ mediaType, bytes }, { tag: 'x' });
    const outcome = await importCache(store, 'x', { name: 'x' });
    assert.ok(outcome.kind === 'unusable' && outcome.reason === 'invalid');
  });
}

/** Longest time that refusing (or reading) one config may take. Generous: other tests run beside this one. */
const patienceMs = 10_000;

const floods: readonly (readonly [string, () => string])[] = [
  ['a million records', () => `{"records":[${new Array(1_000_001).fill('{}').join()}]}`],
  [
    'a million links',
    () =>
      `{"records":[{"digest":"${digestOf('a')}"},{"digest":"${digestOf('b')}","inputs":[[${new Array(1_000_001).fill('{}').join()}]]}]}`,
  ],
  ['a chain of layers without end', () => chainOf(MAX_CHAIN_LAYERS + 1)],
  ['keys that stand twice', () => `{"records":[],${new Array(500_000).fill('"records":[]').join()}}`],
  ['nesting without end', () => '['.repeat(5_000_000)],
  ['keys of prototypes', () => `{"__proto__":{},"records":[${new Array(100_000).fill('{"__proto__":1}').join()}]}`],
];

function chainOf(length: number): string {
  const blob = digestOf('x');
  const layers = Array.from({ length }, (_, index) => ({ blob, parent: index - 1 }));
  return JSON.stringify({ layers, records: [{ digest: blob, layers: [{ layer: length - 1 }] }] });
}

for (const [what, make] of floods) {
  test(`refuses ${what} in bounded time`, () => {
    const bytes = Buffer.from(make());
    const started = performance.now();
    assert.throws(
      () => parseCacheConfig(bytes),
      (error) => isCodedError(error, 'CACHE_CONFIG_INVALID'),
    );
    assert.ok(performance.now() - started < patienceMs);
  });
}

test('the longest chain of layers that is taken, under many results, is read in bounded time', () => {
  assert.equal(parseCacheConfig(Buffer.from(chainOf(MAX_CHAIN_LAYERS))).layers.length, MAX_CHAIN_LAYERS);
});
