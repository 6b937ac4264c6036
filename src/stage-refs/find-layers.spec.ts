import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DirectoryStore } from '../content/directory-store';
import { MemoryStore } from '../content/memory-store';
import { parseDockerfile } from '../dockerfile/parse';
import type { CacheSource } from '../engine/contract';
import { BaseImages } from '../engine/embedded/base-images';
import { convertDockerfile } from '../llb/convert';
import { parsePlatform } from '../oci/platform';
import { copyGoldenContext, readGoldenCases } from '../testing/golden/case';
import { repositoryRoot } from '../testing/repository-root';
import { findLayers } from './assemble-image';
import { ProbeWorker } from './probe-worker';

const golden = join(repositoryRoot(), 'test-data/golden');

/** Caches that BuildKit wrote, in every form; `min` has only what the result consists of. */
const tags = [
  ...['gzip-max', 'gzip-min', 'zstd-max', 'zstd-force', 'zstd-19-force'],
  ...['estargz-force', 'uncompressed-force', 'docker-mediatypes', 'index'],
];

test("the layers of an image are found in each of BuildKit's caches, without reading one", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'nxrc-find-'));
  t.after(() => rm(directory, { recursive: true }));
  const recorded = (await readGoldenCases(golden)).find(({ name }) => name === 'node-monorepo');
  assert.ok(recorded);
  await copyGoldenContext(recorded, 'context', directory);
  const base = new DirectoryStore(join(golden, 'base'));
  const images = new BaseImages({ repository: () => base, kept: new MemoryStore('kept') });
  const { args, platform, target } = recorded.parameters;
  const parsed = parsePlatform(platform);
  assert.ok(parsed.ok);
  const { dockerfile } = parseDockerfile({ path: 'Dockerfile', text: recorded.dockerfile });
  const conversion = await convertDockerfile(
    { dockerfile, buildArgs: args, platform: parsed.platform, ...(target !== null && { target }) },
    { resolveImage: (reference, wanted) => images.resolve(reference, wanted) },
  );
  assert.ok(conversion.root, JSON.stringify(conversion.diagnostics));
  const worker = new ProbeWorker({
    directories: new Map([['context', directory]]),
    images,
    http: undefined as never,
    git: undefined as never,
  });
  const find = (tag: string, verify: 'manifest' | 'blobs') => {
    const source: CacheSource = { type: 'local', directory: join(golden, 'caches'), tag, location: tag };
    const store = () => new DirectoryStore(join(golden, 'caches'));
    return findLayers(conversion, [source], { worker, store, verify, now: () => 0 });
  };
  const counts = new Set<number>();
  for (const tag of tags) {
    const remote = await find(tag, 'manifest');
    assert.ok(remote, tag);
    counts.add(remote.descriptors.length);
  }
  assert.equal(counts.size, 1, [...counts].join());
  // The recordings came without layers.
  await assert.rejects(find('gzip-max', 'blobs'), { code: 'CACHED_LAYER_MISSING' });
});
