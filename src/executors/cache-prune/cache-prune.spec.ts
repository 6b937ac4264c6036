import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { digestOf } from '../../oci/digest';
import { serializeManifest } from '../../oci/manifest';
import { mediaTypes } from '../../oci/media-types';
import { parseReference } from '../../oci/reference';
import { RegistryClient } from '../../registry/registry-client';
import { FakeRegistry } from '../../testing/fake-registry';
import { Transport } from '../../transport/transport';
import type { CachePruneOptions } from '../../workspace/cache-task-options';
import { CacheTaskRig } from '../testing/cache-task-rig';
import type { PruneJson } from './prune-json';
import { runCachePrune } from './run-cache-prune';

const key = '0123456789abcdef0123456789abcdef';
const old = '2026-06-01T00:00:00Z';
const recent = '2026-08-30T00:00:00Z';

interface Rig extends AsyncDisposable {
  readonly run: (options: CachePruneOptions) => Promise<{ readonly success: boolean; readonly output: string }>;
  readonly tags: () => Promise<readonly string[]>;
  readonly workspace: CacheTaskRig['workspace'];
  readonly cache: string;
}

/** A registry with one old stage, a recent one, and an image of somebody else's. */
async function start(): Promise<Rig> {
  const rig = await CacheTaskRig.start();
  const transport = new Transport();
  const cache = `${rig.registry}/acme/cache`;
  const store = new RegistryClient({ transport }).repository(parseReference(cache));
  const config = Buffer.from('{}');
  const descriptor = { mediaType: mediaTypes.ociEmpty, digest: digestOf(config), size: config.length };
  await store.put(descriptor, () => Promise.resolve(Readable.from([config])));
  for (const [tag, created] of [
    [`deps-${key}`, old],
    [`app-${key}`, recent],
    ['latest', old],
  ] as const) {
    const mediaType = mediaTypes.ociManifest;
    const annotations = { 'org.opencontainers.image.created': created, tag };
    const bytes = serializeManifest({ kind: 'manifest', mediaType, config: descriptor, layers: [], annotations });
    await store.putManifest({ mediaType, bytes }, { tag });
  }
  return {
    workspace: rig.workspace,
    cache,
    run: (options) => rig.run(runCachePrune, { cache, progress: 'plain', ...options }),
    tags: async () => {
      const tags: string[] = [];
      for await (const tag of store.tags()) tags.push(tag);
      return tags;
    },
    [Symbol.asyncDispose]: async () => {
      await transport.close();
      await rig[Symbol.asyncDispose]();
    },
  };
}

test('a table says what would go, and that nothing did', async () => {
  await using rig = await start();
  const { success, output } = await rig.run({});
  assert.ok(success);
  assert.match(output, /3 of 3 tags read/);
  assert.match(output, new RegExp(`^deps-${key} +92 d +\\d+ B +would delete +no live build needs it$`, 'm'));
  assert.match(output, new RegExp(`^app-${key} +2 d +\\d+ B +keep +recent$`, 'm'));
  assert.match(output, /^latest .* keep +not written by stage refs$/m);
  assert.match(output, /nothing was deleted; with --apply it is/);
  assert.equal((await rig.tags()).length, 3);
});

test('with apply it goes; JSON has all of it', async () => {
  await using rig = await start();
  const { success, output } = await rig.run({ apply: true, format: 'json', outputFile: 'tmp/prune.json' });
  assert.ok(success);
  assert.match(output, /1 of 1 tags deleted, 2 stay/);
  assert.deepEqual(await rig.tags(), [`app-${key}`, 'latest']);
  const report = JSON.parse(await readFile(rig.workspace.join('tmp/prune.json'), 'utf8')) as PruneJson;
  assert.deepEqual(
    report.tags.map(({ tag, action, reason, outcome, createdAt }) => [tag, action, reason ?? outcome, createdAt]),
    [
      [`app-${key}`, 'keep', 'recent', '2026-08-30T00:00:00.000Z'],
      [`deps-${key}`, 'delete', 'deleted', '2026-06-01T00:00:00.000Z'],
      ['latest', 'keep', 'foreign', '2026-06-01T00:00:00.000Z'],
    ],
  );
  // The config is that of all three.
  const gone = report.tags.find(({ action }) => action === 'delete');
  assert.equal(report.freedBytes, (gone?.bytes ?? 0) - '{}'.length);
});

test('a registry that does not delete is told once, with what it needs, and nothing is lost', async () => {
  await using rig = await start();
  await using fake = await FakeRegistry.start({
    faults: [{ on: 'DELETE manifest', times: 9, kind: 'status', status: 405 }],
  });
  const cache = `${fake.host}/acme/cache`;
  const store = fake.repository('acme/cache');
  const bytes = Buffer.from('{}');
  const config = { mediaType: mediaTypes.ociEmpty, digest: digestOf(bytes), size: bytes.length };
  await store.put(config, () => Promise.resolve(Readable.from([bytes])));
  for (const name of ['deps', 'app']) {
    const mediaType = mediaTypes.ociManifest;
    const annotations = { 'org.opencontainers.image.created': old, name };
    const manifest = serializeManifest({ kind: 'manifest', mediaType, config, layers: [], annotations });
    await store.putManifest({ mediaType, bytes: manifest }, { tag: `${name}-${key}` });
  }
  const { success, output } = await rig.run({ cache, apply: true });
  assert.ok(!success);
  assert.match(output, /^error CACHE_DELETE_REFUSED: .*the registry refuses to delete: .*405/m);
  assert.match(output, /^ {2}hint: .*storage\.delete\.enabled/m);
  assert.equal(output.match(/405/g)?.length, 1);
  assert.equal(fake.count()['DELETE manifest'], 1);
});

test('JSON that is printed is nothing but JSON', async () => {
  await using rig = await start();
  const { output } = await rig.run({ format: 'json' });
  assert.equal((JSON.parse(output) as PruneJson).applied, false);
});

test('mistakes are told at once, before anything is asked', async () => {
  await using rig = await start();
  const { success, output } = await rig.run({
    cache: `${rig.cache}:latest`,
    graceMinutes: 1,
    keepDays: -1,
    keepBuilds: 0,
    dropTargetsAfterDays: 0,
    format: 'tabel' as never,
  });
  assert.ok(!success);
  for (const option of ['cache', 'graceMinutes', 'keepDays', 'keepBuilds', 'dropTargetsAfterDays', 'format']) {
    assert.match(output, new RegExp(`^.*\\b${option}\\b`, 'm'), option);
  }
  assert.match(output, /did you mean "table"/);
  assert.doesNotMatch(output, /tags read/);
});
