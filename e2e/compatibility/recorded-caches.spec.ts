import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readGoldenCases } from '../../src/testing/golden/case';
import { repositoryRoot } from '../../src/testing/repository-root';
import { TemporaryDirectory } from '../../src/testing/temporary-directory';
import { verifyCache } from '../testing/cache-layers';
import { buildOnEmptyState, pushTo, sources } from '../testing/embedded-build';
import { goldenWithLayers, layOutGolden, whyNoGolden, type GoldenBuild } from '../testing/golden-build';
import { missed } from '../testing/real-buildkit';
import { TestRegistry } from '../testing/test-registry';

// The nine caches of one build that a BuildKit of 2026 wrote with different attributes, estargz among them.

const { manifests } = JSON.parse(
  readFileSync(join(repositoryRoot(), 'test-data/golden/caches/index.json'), 'utf8'),
) as { readonly manifests: readonly { readonly annotations?: Readonly<Record<string, string>> }[] };
const tags = manifests.flatMap(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] ?? []).sort();

let unavailable: string | undefined;
let directory: TemporaryDirectory;
let registry: TestRegistry;
let build: GoldenBuild;

before(async () => {
  unavailable = whyNoGolden();
  if (unavailable !== undefined) return;
  directory = await TemporaryDirectory.create();
  registry = await TestRegistry.start(directory.join('registry'));
  await registry.serveLayouts(goldenWithLayers());
  const golden = (await readGoldenCases(goldenWithLayers())).find(({ name }) => name === 'node-monorepo');
  build = await layOutGolden(golden!, directory.path, registry.host);
});

after(async () => {
  if (unavailable !== undefined) return;
  await registry[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

for (const tag of tags) {
  test(`${tag}: every layer of the recorded cache verifies and every step is a hit`, async (t) => {
    if (unavailable !== undefined) {
      t.skip(unavailable);
      return;
    }
    const { layers } = await verifyCache(registry.repository('golden/caches'), tag);
    assert.ok(layers.length > 0);
    const cacheFrom = sources(`type=registry,ref=${registry.host}/golden/caches:${tag}`);
    const image = pushTo(`${registry.host}/image/recorded:${tag}`);
    const { steps } = await buildOnEmptyState(
      { ...build.embedded, cacheFrom, ...image },
      { directory: directory.path },
    );
    assert.deepEqual(missed(steps), []);
    assert.ok(steps.length > 0);
  });
}
