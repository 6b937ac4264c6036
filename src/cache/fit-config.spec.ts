import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { MemoryStore } from '../content/memory-store';
import { digestOf } from '../oci/digest';
import { mediaTypes } from '../oci/media-types';
import { parseCacheConfig, serializeCacheConfig } from './cache-config';
import { uncompressedAnnotation, type CacheConfig, type CacheRecord } from './contract';
import type { CollectedCache } from './collect-export';
import { droppedWarning } from './dropped-warning';
import { exportCache } from './export-cache';
import { BUILDKIT_READ_LIMIT, fitConfig } from './fit-config';
import { importCache } from './import-cache';

const time = (minute: number): string => new Date(Date.UTC(2026, 0, 1) + minute * 60_000).toISOString();

/** A root, and `count` steps on it of which each has a layer of its own and is a minute newer than the one before. */
function steps(count: number): CacheConfig {
  const records: CacheRecord[] = [{ digest: digestOf('root'), layers: [], inputs: [] }];
  for (let index = 0; index < count; index++) {
    records.push({
      digest: digestOf(`step ${index}`),
      layers: [{ layer: index, createdAt: time(index) }],
      inputs: [[{ link: 0 }]],
    });
  }
  const layers = Array.from({ length: count }, (_, index) => ({ blob: digestOf(`layer ${index}`), parent: -1 }));
  return { records, layers };
}

const resultsOf = ({ records }: CacheConfig): readonly string[] =>
  records.filter(({ layers }) => layers.length > 0).map(({ digest }) => digest);

test('what fits stays as it is', () => {
  const config = steps(3);
  assert.deepEqual(fitConfig(config, { fits: () => true }), { config, dropped: [] });
});

test('the oldest results go first, and nothing more than has to', () => {
  const { config, dropped } = fitConfig(steps(10), { fits: ({ layers }) => layers.length <= 6 });
  assert.deepEqual(
    dropped.map(({ createdAt }) => createdAt),
    [0, 1, 2, 3].map(time),
  );
  assert.deepEqual(
    resultsOf(config),
    [4, 5, 6, 7, 8, 9].map((index) => digestOf(`step ${index}`)),
  );
  assert.deepEqual(parseCacheConfig(serializeCacheConfig(config)), config);
});

test("the target's own results go last, the target itself last of all", () => {
  const config = steps(4);
  // The oldest step is what the target, the second oldest, stands on.
  const records = config.records.map((record, index) =>
    index === 2 ? { ...record, inputs: [[{ link: 1 }]] } : record,
  );
  const order = [3, 2, 1].map((left) => {
    const fitted = fitConfig({ ...config, records }, { fits: ({ layers }) => layers.length <= left, targets: [2] });
    return resultsOf(fitted.config);
  });
  const name = (index: number): string => digestOf(`step ${index}`);
  assert.deepEqual(order, [[name(0), name(1), name(3)], [name(0), name(1)], [name(1)]]);
});

test('whatever is dropped, what is left is a valid cache that fits', () => {
  const property = fc.property(
    fc.array(fc.record({ links: fc.array(fc.nat(), { maxLength: 3 }), hasResult: fc.boolean(), age: fc.nat(50) }), {
      maxLength: 30,
    }),
    fc.nat(3000),
    (items, limit) => {
      const layers = items.map((_, index) => ({
        blob: digestOf(`${index % 9}`),
        parent: (index % 4) - 1 < index ? (index % 4) - 1 : -1,
      }));
      const records = items.map(({ age, hasResult, links }, index) => ({
        digest: digestOf(`${index}`),
        layers: hasResult ? [{ layer: index, createdAt: time(age) }] : [],
        inputs: index === 0 || links.length === 0 ? [] : [links.map((link) => ({ link: link % index }))],
      }));
      const fits = (config: CacheConfig): boolean => serializeCacheConfig(config).length <= limit + 2;
      const { config, dropped } = fitConfig({ layers, records }, { fits });
      assert.ok(fits(config) || dropped.length === 0);
      if (dropped.length === 0) return;
      assert.deepEqual(parseCacheConfig(serializeCacheConfig(config)), config);
      assert.equal(resultsOf(config).length + dropped.length, items.filter(({ hasResult }) => hasResult).length);
      const oldestKept = Math.min(
        ...config.records.flatMap(({ layers: own }) => own.map(({ createdAt }) => Date.parse(createdAt))),
      );
      for (const { createdAt } of dropped) assert.ok(Date.parse(createdAt) <= oldestKept);
    },
  );
  fc.assert(property);
});

async function exportSteps(count: number, form: { imageManifest: boolean; ociMediaTypes: boolean }) {
  const config = steps(count);
  const disk = new MemoryStore('disk');
  const layers: CollectedCache['layers'] extends ReadonlyMap<infer K, infer V> ? Map<K, V> : never = new Map();
  for (const [index, { blob }] of config.layers.entries()) {
    const bytes = Buffer.from(`layer ${index}`);
    const annotations = { [uncompressedAnnotation]: blob };
    const descriptor = { mediaType: mediaTypes.ociLayerGzip, digest: blob, size: bytes.length, annotations };
    await disk.put(descriptor, () => Promise.resolve(Readable.from([bytes])));
    layers.set(blob, { descriptor, provider: disk });
  }
  const registry = new MemoryStore('registry');
  const outcome = await exportCache({ config, layers, targets: [1] }, registry, { ...form, tag: 'x' });
  assert.ok(outcome.kind === 'written');
  return { outcome, registry };
}

for (const imageManifest of [true, false]) {
  test(`neither config nor manifest is ever larger than BuildKit reads (image-manifest=${imageManifest})`, async () => {
    const { outcome, registry } = await exportSteps(6000, { imageManifest, ociMediaTypes: true });
    assert.ok(outcome.configBytes <= BUILDKIT_READ_LIMIT);
    assert.ok(outcome.manifest.size <= BUILDKIT_READ_LIMIT);
    // There would be no room for one more.
    assert.ok(Math.max(outcome.configBytes, outcome.manifest.size) > BUILDKIT_READ_LIMIT - 600);
    assert.equal(outcome.dropped.length + outcome.layers, 6000);
    const imported = await importCache(registry, 'x', { name: 'x' });
    assert.ok(imported.kind === 'imported');
    // The oldest of all, but it is the target.
    assert.equal(imported.source.find(digestOf('step 0')).length, 1);
    assert.equal(imported.source.find(digestOf('step 1')).length, 0);
    assert.equal(imported.source.find(digestOf('step 5999')).length, 1);
  });
}

test('what was dropped is told', () => {
  assert.equal(droppedWarning('x', []), undefined);
  const dropped = Array.from({ length: 10 }, (_, index) => ({ digest: digestOf(`${index}`), createdAt: time(index) }));
  const warning = droppedWarning('ghcr.io/acme/cache', dropped);
  assert.equal(warning?.code, 'CACHE_TRUNCATED');
  assert.match(warning.message, /10 results were left out.*2026-01-01T00:09:00.000Z: sha256:.* and 2 more$/);
});
