import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { importCache } from '../../src/cache/import-cache';
import { DirectoryStore } from '../../src/content/directory-store';
import { readGoldenCases } from '../../src/testing/golden/case';
import { compareWithGolden } from '../../src/testing/golden/compare';
import { repositoryRoot } from '../../src/testing/repository-root';
import { TemporaryDirectory } from '../../src/testing/temporary-directory';
import { describeImage, readRecordedImage } from '../golden/recorded-image';
import { buildOnEmptyState, pushTo, targets } from '../testing/embedded-build';
import { goldenWithLayers, layOutGolden, whyNoGolden } from '../testing/golden-build';
import { unpackImage, type ImageFile } from '../testing/image-files';
import { TestRegistry } from '../testing/test-registry';

// Builds that BuildKit has done once, done again by the embedded engine: keys, image config and files are the same.

const reason = whyNoGolden();
let directory: TemporaryDirectory;
let registry: TestRegistry;
let base: Readonly<Record<string, ImageFile>>;

before(async () => {
  if (reason !== undefined) return;
  directory = await TemporaryDirectory.create();
  registry = await TestRegistry.start(directory.join('registry'));
  await registry.serveLayouts(goldenWithLayers());
  base = (await unpackImage(registry.repository('golden/base'), '1')).files;
});

after(async () => {
  if (reason !== undefined) return;
  await registry[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

test('builds that BuildKit recorded', { skip: reason }, async (t) => {
  const cases = await readGoldenCases(join(repositoryRoot(), 'test-data/golden'), 'more');
  assert.ok(cases.length > 60);
  for (const golden of cases) {
    await t.test(golden.name, async () => {
      const work = await mkdtemp(directory.join(`${golden.name}-`));
      try {
        const { embedded, env } = await layOutGolden(golden, work, registry.host);
        const cacheTo = targets(`type=local,dest=${join(work, 'cache')},mode=max,compression=uncompressed`);
        const output = pushTo(`${registry.host}/image/${golden.name}:1`);
        await buildOnEmptyState({ ...embedded, cacheTo, ...output }, { directory: work, env });
        const cache = await importCache(new DirectoryStore(join(work, 'cache')), 'latest', { name: golden.name });
        assert.equal(cache.kind, 'imported');
        const [part] = cache.parts;
        assert.ok(part);
        assert.deepEqual(compareWithGolden(golden, part.config), []);
        const image = await unpackImage(registry.repository(`image/${golden.name}`), '1');
        assert.deepEqual(describeImage(image, base), await readRecordedImage(golden));
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    });
  }
});
