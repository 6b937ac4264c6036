import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStore } from '../content/memory-store';
import { digestOf } from '../oci/digest';
import { mediaTypes } from '../oci/media-types';
import { uncompressedAnnotation, type CacheConfig, type CacheRecord } from './contract';
import { MAX_MERGED_RECORDS, mergeCaches, topsOnly, type CacheInput } from './merge-caches';

const provider = new MemoryStore();

function input(config: CacheConfig, { withoutDiffId = '' } = {}): CacheInput {
  const layers = config.layers.map(({ blob }) => {
    const annotations = blob === withoutDiffId ? {} : { [uncompressedAnnotation]: digestOf(`diff ${blob}`) };
    return [blob, { mediaType: mediaTypes.ociLayerGzip, digest: blob, size: 1, annotations }] as const;
  });
  return { part: { config, layers: new Map(layers) }, provider };
}

const root: CacheRecord = { digest: digestOf('root'), layers: [], inputs: [] };

function step(
  name: string,
  link: number,
  result?: { readonly layer: number; readonly createdAt: string },
): CacheRecord {
  return { digest: digestOf(name), layers: result ? [result] : [], inputs: [[{ link }]] };
}

const old = '2026-01-01T00:00:00Z';
const recent = '2026-02-01T00:00:00Z';
const chain = [
  { blob: digestOf('a'), parent: -1 },
  { blob: digestOf('b'), parent: 0 },
];

test('one cache stays as it is', () => {
  const config: CacheConfig = { layers: chain, records: [root, step('x', 0, { layer: 1, createdAt: old })] };
  assert.deepEqual(mergeCaches([input(config)]).config, config);
});

test('equal records become one, with the newest result', () => {
  const other = [{ blob: digestOf('c'), parent: -1 }];
  const merged = mergeCaches([
    input({ layers: chain, records: [root, step('x', 0, { layer: 1, createdAt: old })] }),
    input({ layers: other, records: [step('x', 1, { layer: 0, createdAt: recent }), root] }),
  ]);
  assert.deepEqual(merged.config.layers, other);
  assert.deepEqual(merged.config.records.map(({ layers }) => layers.map(({ createdAt }) => createdAt)).flat(), [
    recent,
  ]);
  assert.equal(merged.config.records.length, 2);
});

test('results on layers that nobody could unpack are left out', () => {
  const records = [root, step('x', 0, { layer: 1, createdAt: old }), step('y', 0, { layer: 0, createdAt: old })];
  const { config } = mergeCaches([input({ layers: chain, records }, { withoutDiffId: digestOf('b') })]);
  assert.deepEqual(
    config.records.map(({ digest }) => digest),
    [digestOf('root'), digestOf('y')],
  );
});

test('only the layers of topmost results are kept, and of what they stand on', () => {
  const layers = [...chain, { blob: digestOf('c'), parent: -1 }];
  const records = [
    root,
    step('x', 0, { layer: 0, createdAt: old }),
    step('side', 0, { layer: 2, createdAt: old }),
    { ...step('y', 1, { layer: 1, createdAt: old }), inputs: [[{ link: 1 }], [{ link: 2 }]] },
  ];
  const { config } = topsOnly(mergeCaches([input({ layers, records })]));
  assert.deepEqual(config.layers, chain);
  assert.equal(config.records.length, 4);
  assert.equal(config.records.filter((record) => record.layers.length > 0).length, 2);
});

test('what would take too long is refused, and at once', () => {
  const many = (count: number, name: (index: number) => string): CacheConfig => ({
    layers: [],
    records: [root, ...Array.from({ length: count }, (_, index) => step(name(index), 0))],
  });
  const started = performance.now();
  for (const config of [many(MAX_MERGED_RECORDS, (index) => `${index}`), many(10_000, () => 'alike')]) {
    assert.throws(() => mergeCaches([input(config), input(config)]), { code: 'CACHE_MERGE_TOO_LARGE' });
  }
  assert.ok(performance.now() - started < 10_000);
});
