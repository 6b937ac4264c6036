import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isCodedError } from '../diagnostics/coded-error';
import { digestOf } from '../oci/digest';
import { repositoryRoot } from '../testing/repository-root';
import { MAX_CONFIG_BYTES, parseCacheConfig, serializeCacheConfig } from './cache-config';
import type { CacheConfig } from './contract';
import { orderConfig } from './order-config';
import { recordIdentities } from './record-order';

const blobs = join(repositoryRoot(), 'test-data/golden/caches/blobs/sha256');
const goldenConfigs = readdirSync(blobs)
  .map((name) => readFileSync(join(blobs, name)))
  .filter((bytes) => bytes.subarray(0, 200).includes('"parent"') || bytes.includes('"records"'));

const record = (index: number, links: number[]) => ({
  digest: digestOf(String(index % 7)),
  layers: [],
  inputs: links.length === 0 ? [] : [links.map((link) => ({ link }))],
});

/** Records that link to earlier ones, and layers on earlier layers. */
const configs: fc.Arbitrary<CacheConfig> = fc
  .tuple(fc.array(fc.array(fc.nat(), { maxLength: 3 }), { maxLength: 30 }), fc.array(fc.nat(), { maxLength: 20 }))
  .map(([links, parents]) => ({
    records: links.map((targets, index) => ({
      ...record(index, index === 0 ? [] : targets.map((target) => target % index)),
      layers:
        parents.length > 0 && index % 2 === 1
          ? [{ layer: index % parents.length, createdAt: '2026-01-02T03:04:05.6Z' }]
          : [],
    })),
    layers: parents.map((parent, index) => ({
      blob: digestOf(`blob ${index % 5}`),
      parent: (parent % (index + 1)) - 1,
    })),
  }));

test('a config that BuildKit wrote is printed byte for byte', () => {
  assert.equal(goldenConfigs.length, 9);
  for (const bytes of goldenConfigs) {
    assert.equal(serializeCacheConfig(parseCacheConfig(bytes)).toString(), bytes.toString());
  }
});

test('the canonical order of a config that BuildKit wrote is the order it has', () => {
  for (const bytes of goldenConfigs) {
    const config = parseCacheConfig(bytes);
    const canonical = orderConfig(config);
    assert.deepEqual(recordIdentities(canonical.records), recordIdentities(config.records));
    // BuildKit leaves it to chance which of two equal blobs on different parents comes first.
    assert.deepEqual(
      canonical.layers.map(({ blob }) => blob),
      config.layers.map(({ blob }) => blob),
    );
  }
});

test('parse, print, parse the copy', () => {
  fc.assert(
    fc.property(configs, (config) => {
      const printed = serializeCacheConfig(config);
      const copy = parseCacheConfig(printed);
      assert.deepEqual(copy, config);
      assert.deepEqual(serializeCacheConfig(copy), printed);
    }),
  );
});

test('the canonical order does not depend on the order before, and keeps identities', () => {
  fc.assert(
    fc.property(configs, (config) => {
      const last = config.records.length - 1;
      const reversed: CacheConfig = {
        layers: config.layers,
        records: [...config.records].reverse().map((item) => ({
          ...item,
          inputs: item.inputs.map((links) => links.map((link) => ({ ...link, link: last - link.link })).reverse()),
        })),
      };
      const canonical = orderConfig(config);
      assert.deepEqual(recordIdentities(canonical.records).toSorted(), recordIdentities(config.records).toSorted());
      assert.deepEqual(recordIdentities(orderConfig(reversed).records), recordIdentities(canonical.records));
      assert.deepEqual(orderConfig(canonical), canonical);
    }),
  );
});

const hostile: readonly (readonly [string, unknown, RegExp])[] = [
  ['no object', [], /not an object/],
  ['records that are no list', { records: {} }, /not a list/],
  ['a record without a digest', { records: [{}] }, /no valid digest/],
  ['a digest of another shape', { records: [{ digest: 'sha256:XY' }] }, /no valid digest/],
  ['a record that links to itself', { records: [{ ...record(0, [0]) }] }, /circle/],
  ['two records that link to each other', { records: [record(0, [1]), record(1, [0])] }, /circle/],
  ['a link out of range', { records: [record(0, [1])] }, /there is none of/],
  ['a negative link', { records: [record(0, [-1])] }, /there is none of/],
  ['a fractional link', { records: [record(0, []), record(1, [0.5])] }, /not an integer/],
  ['an input without links', { records: [{ ...record(0, []), inputs: [[]] }] }, /without a link/],
  ['a layer of a record that is none', { records: [{ ...record(0, []), layers: [{ layer: 0 }] }] }, /there is none of/],
  ['a layer on itself', { layers: [{ blob: digestOf('a') }] }, /own ancestor/],
  ['layers in a circle', { layers: [{ blob: digestOf('a'), parent: 1 }, { blob: digestOf('b') }] }, /own ancestor/],
  ['a parent out of range', { layers: [{ blob: digestOf('a'), parent: 1 }] }, /there is none of/],
  ['a parent below -1', { layers: [{ blob: digestOf('a'), parent: -2 }] }, /there is none of/],
  ['a layer without blob', { layers: [{ parent: -1 }] }, /no valid blob/],
  [
    'a time that is none',
    {
      layers: [{ blob: digestOf('a'), parent: -1 }],
      records: [{ ...record(0, []), layers: [{ layer: 0, createdAt: 'yesterday' }] }],
    },
    /no valid time/,
  ],
  [
    'a selector that is no text',
    { records: [record(0, []), { ...record(1, []), inputs: [[{ selector: 1, link: 0 }]] }] },
    /no valid selector/,
  ],
];

for (const [name, config, reason] of hostile) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => parseCacheConfig(Buffer.from(JSON.stringify(config))),
      (error) => isCodedError(error, 'CACHE_CONFIG_INVALID') && reason.test(error.message),
    );
  });
}

test('refuses what is no JSON, no UTF-8 or too large, and what two readers could understand in two ways', () => {
  for (const bytes of [Buffer.from('{'), Buffer.of(0x22, 0xff, 0x22), Buffer.alloc(MAX_CONFIG_BYTES + 1, ' ')]) {
    assert.throws(
      () => parseCacheConfig(bytes),
      (error) => isCodedError(error, 'CACHE_CONFIG_INVALID'),
    );
  }
  for (const sly of ['{"__proto__":{"records":[{}]}}', '{"records":[],"records":[{}]}', '['.repeat(1000)]) {
    assert.throws(
      () => parseCacheConfig(Buffer.from(sly)),
      (error) => isCodedError(error, 'CACHE_CONFIG_INVALID'),
    );
  }
  assert.deepEqual(parseCacheConfig(Buffer.from('{"constructor":{"layers":1}}')), { layers: [], records: [] });
});

test('an absent parent is layer 0 and null is an empty list, as in Go', () => {
  const config = parseCacheConfig(
    Buffer.from(`{"layers":[{"blob":"${digestOf('a')}","parent":-1},{"blob":"${digestOf('b')}"}],"records":null}`),
  );
  assert.deepEqual(
    config.layers.map(({ parent }) => parent),
    [-1, 0],
  );
});

test('a long chain and a long cycle take linear time and no stack', () => {
  const count = 100_000;
  const chain = Array.from({ length: count }, (_, index) => ({
    digest: digestOf('x'),
    inputs: index === 0 ? [] : [[{ link: index - 1 }]],
  }));
  assert.equal(
    parseCacheConfig(Buffer.from(JSON.stringify({ records: chain.slice(0, 80_000) }))).records.length,
    80_000,
  );
  const circle = chain
    .slice(0, 80_000)
    .map((item, index) => (index === 0 ? { ...item, inputs: [[{ link: 79_999 }]] } : item));
  assert.throws(() => parseCacheConfig(Buffer.from(JSON.stringify({ records: circle }))), /circle/);
});
