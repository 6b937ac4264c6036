import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { compressionOf } from '../../cache/convert-layers';
import { uncompressedAnnotation } from '../../cache/contract';
import { recordIdentities } from '../../cache/record-order';
import { readStoredCache, type CachePart } from '../../cache/read-cache';
import { decompress } from '../../compression/decompress';
import { DirectoryStore } from '../../content/directory-store';
import { mediaTypes } from '../../oci/media-types';
import { goldenCaches, goldenCachesOption, goldenTags } from '../../testing/golden-caches';
import { createHash } from 'node:crypto';
import { runCacheExport } from '../cache-export/run-cache-export';
import { runCacheImport } from '../cache-import/run-cache-import';
import { CacheTaskRig } from '../testing/cache-task-rig';
import { runCacheCopy } from './run-cache-copy';

async function partOf(store: DirectoryStore, tag: string): Promise<CachePart> {
  const cache = await readStoredCache(store, tag);
  assert.ok(cache?.parts[0], tag);
  return cache.parts[0];
}

/**
 * What can be matched, and which of it has which result, whatever the order and the compression. Of an estargz only the
 * number of layers can be told: its table of contents belongs to the tar that its diffID is of.
 */
function contentOf({ config, layers }: CachePart, { countOnly = false } = {}): readonly string[] {
  const identities = recordIdentities(config.records);
  return config.records
    .map((record, index) => {
      const diffIds: string[] = [];
      for (let at = record.layers[0]?.layer ?? -1; at !== -1; at = config.layers[at]?.parent ?? -1) {
        diffIds.push(layers.get(config.layers[at]!.blob)?.annotations?.[uncompressedAnnotation] ?? '?');
      }
      return `${identities[index]} ${countOnly ? diffIds.length : diffIds.join()} ${record.layers[0]?.createdAt}`;
    })
    .sort();
}

/** Decompresses every layer and compares it with the diffID that its annotations tell. */
async function verifyLayers(store: DirectoryStore, part: CachePart): Promise<void> {
  for (const layer of part.layers.values()) {
    const hash = createHash('sha256');
    for await (const chunk of decompress(await store.open(layer))) hash.update(chunk as Buffer);
    assert.equal(`sha256:${hash.digest('hex')}`, layer.annotations?.[uncompressedAnnotation]);
  }
}

for (const tag of goldenTags) {
  test(
    `${tag}: exported to a registry and imported again, it is the cache that BuildKit wrote`,
    goldenCachesOption,
    async () => {
      await using rig = await CacheTaskRig.start();
      const form =
        tag === 'docker-mediatypes' ? ',oci-mediatypes=false' : tag === 'index' ? ',image-manifest=false' : '';
      const to = [`type=registry,ref=${rig.registry}/acme/cache:x${form}`];
      const sent = await rig.run(runCacheExport, { src: goldenCaches, tag, to });
      assert.ok(sent.success, sent.output);
      const got = await rig.run(runCacheImport, { from: `${rig.registry}/acme/cache:x`, dest: 'layout', tag });
      assert.ok(got.success, got.output);
      const local = new DirectoryStore(rig.workspace.join('layout'));
      const original = await new DirectoryStore(goldenCaches).resolve(tag);
      assert.deepEqual(await local.resolve(tag), original);
      await verifyLayers(local, await partOf(local, tag));
    },
  );
}

const forms = ['', ',image-manifest=false', ',oci-mediatypes=false'];
for (const compression of ['gzip', 'estargz', 'zstd', 'uncompressed'] as const) {
  for (const form of forms) {
    if (compression === 'estargz' && form.includes('oci-mediatypes')) continue;
    test(`force-compression=true: ${compression}${form}`, goldenCachesOption, async () => {
      await using rig = await CacheTaskRig.start();
      const from = `type=local,src=${goldenCaches},tag=zstd-max`;
      const to = `type=local,dest=out,tag=x,compression=${compression},force-compression=true${form}`;
      const { output, success } = await rig.run(runCacheCopy, { from, to });
      assert.ok(success, output);
      const store = new DirectoryStore(rig.workspace.join('out'));
      const part = await partOf(store, 'x');
      const original = await partOf(new DirectoryStore(goldenCaches), 'zstd-max');
      const countOnly = compression === 'estargz';
      assert.deepEqual(contentOf(part, { countOnly }), contentOf(original, { countOnly }));
      assert.deepEqual([...new Set([...part.layers.values()].map(compressionOf))], [compression]);
      await verifyLayers(store, part);
      const docker = form.includes('oci-mediatypes');
      const expected = form === '' ? mediaTypes.ociManifest : docker ? mediaTypes.dockerIndex : mediaTypes.ociIndex;
      assert.equal(part.manifest.mediaType, expected);
      for (const { mediaType } of part.layers.values()) assert.equal(mediaType.includes('docker'), docker);
      assert.deepEqual((await readdir(rig.workspace.path)).sort(), ['out', 'registry']);
    });
  }
}

test('a level is honoured even where the layers have that compression already', goldenCachesOption, async () => {
  await using rig = await CacheTaskRig.start();
  const copy = async (level: number): Promise<number> => {
    const to = `type=local,dest=l${level},compression=gzip,compression-level=${level},force-compression=true`;
    const { output, success } = await rig.run(runCacheCopy, {
      from: `type=local,src=${goldenCaches},tag=gzip-max`,
      to,
    });
    assert.ok(success, output);
    const part = await partOf(new DirectoryStore(rig.workspace.join(`l${level}`)), 'latest');
    return [...part.layers.values()].reduce((sum, { size }) => sum + size, 0);
  };
  assert.ok((await copy(0)) > (await copy(9)) * 1.5);
});

test('several sources become one cache, each record once', goldenCachesOption, async () => {
  await using rig = await CacheTaskRig.start();
  const from = ['gzip-min', 'gzip-max', 'estargz-force'].map((tag) => `type=local,src=${goldenCaches},tag=${tag}`);
  const { output, success } = await rig.run(runCacheCopy, {
    from,
    to: [`${rig.registry}/acme/cache:all`, 'type=local,dest=all'],
  });
  assert.ok(success, output);
  const merged = await partOf(new DirectoryStore(rig.workspace.join('all')), 'latest');
  const original = await partOf(new DirectoryStore(goldenCaches), 'gzip-max');
  assert.deepEqual(
    recordIdentities(merged.config.records).toSorted(),
    recordIdentities(original.config.records).toSorted(),
  );
});

test('a copy within a registry mounts the layers instead of moving them', goldenCachesOption, async () => {
  await using rig = await CacheTaskRig.start();
  await rig.run(runCacheExport, { src: goldenCaches, tag: 'gzip-max', to: `${rig.registry}/acme/a:x` });
  const { output, success } = await rig.run(runCacheCopy, {
    from: `${rig.registry}/acme/a:x`,
    to: `${rig.registry}/acme/b:y`,
  });
  assert.ok(success, output);
  assert.match(output, / in 0 blobs sent/);
});

test('mode=min keeps the layers of the topmost result', goldenCachesOption, async () => {
  await using rig = await CacheTaskRig.start();
  const from = `type=local,src=${goldenCaches},tag=gzip-max`;
  const { output, success } = await rig.run(runCacheCopy, { from, to: 'type=local,dest=out,mode=min' });
  assert.ok(success, output);
  const part = await partOf(new DirectoryStore(rig.workspace.join('out')), 'latest');
  const min = await partOf(new DirectoryStore(goldenCaches), 'gzip-min');
  const results = ({ config }: CachePart) =>
    recordIdentities(config.records).filter((_, index) => config.records[index]!.layers.length > 0);
  assert.deepEqual(results(part).toSorted(), results(min).toSorted());
  assert.equal(part.layers.size, min.layers.size);
});

test('all mistakes are told at once', async () => {
  await using rig = await CacheTaskRig.start();
  const { output, success } = await rig.run(runCacheCopy, {
    from: 'type=registry,ref=A',
    to: ['type=inline', 'a,mode=maxx'],
  });
  assert.equal(success, false);
  assert.match(output, /from\[0\]: error CACHE_BAD_VALUE/);
  assert.match(output, /to: error OPTION_INVALID: type=inline/);
  assert.match(output, /to\[1\]: error CACHE_BAD_VALUE/);
});

test('a compression that changes nothing is a warning, a source that is not there an error', async () => {
  await using rig = await CacheTaskRig.start();
  const { output, success } = await rig.run(runCacheCopy, {
    from: `${rig.registry}/acme/none:x`,
    to: 'type=local,dest=out,compression=zstd',
  });
  assert.equal(success, false);
  assert.match(output, /warning OPTION_CONFLICT: compression=zstd changes nothing/);
  assert.match(output, /error CACHE_NOT_FOUND: there is no cache 127/);
});

test('an interrupted copy says so, and leaves nothing behind', goldenCachesOption, async () => {
  await using rig = await CacheTaskRig.start();
  rig.interrupt();
  const { output, success } = await rig.run(runCacheCopy, {
    from: `type=local,src=${goldenCaches},tag=gzip-max`,
    to: 'type=local,dest=out',
  });
  assert.deepEqual([success, output.trim().split('\n').at(-1)], [false, 'the task was interrupted']);
  assert.deepEqual(await readdir(rig.workspace.path), ['registry']);
});
