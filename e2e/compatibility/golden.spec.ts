import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readGoldenCases, type GoldenCase } from '../../src/testing/golden/case';
import { TemporaryDirectory } from '../../src/testing/temporary-directory';
import { buildOnEmptyState, pushTo, sources, targets } from '../testing/embedded-build';
import { goldenNames, goldenWithLayers, layOutGolden, whyNoGolden, type GoldenBuild } from '../testing/golden-build';
import { unpackImage } from '../testing/image-files';
import { missed, RealBuildKit } from '../testing/real-buildkit';
import { TestRegistry } from '../testing/test-registry';
import { lazyMerge, olderContentKeys } from './known-differences';

// Every recorded build on both sides: each exports its cache, each imports the other's on an empty builder, and the
// images are compared file by file.

let directory: TemporaryDirectory;
let registry: TestRegistry;
let buildkit: RealBuildKit | string;
let cases: ReadonlyMap<string, GoldenCase>;

before(async () => {
  buildkit = whyNoGolden() ?? (await RealBuildKit.open());
  if (typeof buildkit === 'string') return;
  directory = await TemporaryDirectory.create();
  registry = await TestRegistry.start(directory.join('registry'));
  await registry.serveLayouts(goldenWithLayers());
  cases = new Map((await readGoldenCases(goldenWithLayers())).map((golden) => [golden.name, golden]));
});

after(async () => {
  if (typeof buildkit === 'string') return;
  await registry[Symbol.asyncDispose]();
  await buildkit[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

async function withGolden(name: string, use: (build: GoldenBuild, work: string) => Promise<void>): Promise<void> {
  await mkdir(directory.path, { recursive: true });
  const work = await mkdtemp(join(directory.path, `${name}-`));
  try {
    await use(await layOutGolden(cases.get(name)!, work, registry.host), work);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const cacheOf = (name: string, side: string): string => `type=registry,ref=${registry.host}/cache/${name}:${side}`;
const imageOf = (name: string, side: string): string => `${registry.host}/image/${name}:${side}`;

/** Holds the steps that ran against what is known to differ with the BuildKit at hand. */
function assertMissed(name: string, steps: Parameters<typeof missed>[0], { hasOlderContentKeys }: RealBuildKit): void {
  const found = missed(steps).map((step) => step.replace(/^\[[^\]]*\] /, ''));
  const known = olderContentKeys[name];
  if (known && (hasOlderContentKeys === true || found.length > 0)) assert.deepEqual(found, known.steps, known.reason);
  else assert.deepEqual(found, []);
  assert.ok(steps.length > 0, 'there are steps to be cached');
}

for (const name of goldenNames()) {
  test(`${name}: the embedded engine takes every step from the cache that BuildKit wrote`, async (t) => {
    const real = buildkit;
    if (typeof real === 'string') {
      t.skip(real);
      return;
    }
    await withGolden(name, async (build, work) => {
      const cacheTo = [`${cacheOf(name, 'buildkit')},mode=max,image-manifest=true,oci-mediatypes=true`];
      await real.build({ ...build.real, cacheTo, push: imageOf(name, 'buildkit') });
      const cacheFrom = sources(cacheOf(name, 'buildkit'));
      const options = { directory: work, env: build.env };
      const { steps } = await buildOnEmptyState({ ...build.embedded, cacheFrom }, options);
      if (missed(steps).some((step) => lazyMerge.step.test(step))) {
        // What BuildKit did not write cannot be read by anybody, BuildKit included.
        await real.prune();
        const own = await real.build({ ...build.real, cacheFrom: [cacheOf(name, 'buildkit')] });
        assert.deepEqual(missed(steps), missed(own.steps), lazyMerge.reason);
        return;
      }
      assertMissed(name, steps, real);
    });
  });

  test(`${name}: BuildKit takes every step from the cache that the embedded engine wrote`, async (t) => {
    const real = buildkit;
    if (typeof real === 'string') {
      t.skip(real);
      return;
    }
    await withGolden(name, async (build, work) => {
      const cacheTo = targets(`${cacheOf(name, 'embedded')},mode=max`);
      const options = { directory: work, env: build.env };
      await buildOnEmptyState({ ...build.embedded, cacheTo, ...pushTo(imageOf(name, 'embedded')) }, options);
      await real.prune();
      const { steps } = await real.build({ ...build.real, cacheFrom: [cacheOf(name, 'embedded')] });
      assertMissed(name, steps, real);
    });
  });

  test(`${name}: both build the same files`, async (t) => {
    if (typeof buildkit === 'string') {
      t.skip(buildkit);
      return;
    }
    const store = registry.repository(`image/${name}`);
    const [real, embedded] = [await unpackImage(store, 'buildkit'), await unpackImage(store, 'embedded')];
    assert.deepEqual(embedded.files, real.files);
    assert.deepEqual(embedded.config.config, real.config.config);
    assert.equal(embedded.config.rootfs.diff_ids.length, real.config.rootfs.diff_ids.length);
  });
}
