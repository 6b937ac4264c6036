import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { readGoldenCases, type GoldenCase } from '../../src/testing/golden/case';
import { repositoryRoot } from '../../src/testing/repository-root';
import { TemporaryDirectory } from '../../src/testing/temporary-directory';
import { buildOnEmptyState, pushTo, sources, targets } from '../testing/embedded-build';
import { goldenNames, goldenWithLayers, layOutGolden, whyNoGolden, type GoldenBuild } from '../testing/golden-build';
import { unpackImage } from '../testing/image-files';
import { missed, RealBuildKit } from '../testing/real-buildkit';
import { TestRegistry } from '../testing/test-registry';
import { neverExported, newerFlags, olderContentKeys } from './known-differences';

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
  const later = await readGoldenCases(join(repositoryRoot(), 'test-data/golden'), 'more');
  cases = new Map([...(await readGoldenCases(goldenWithLayers())), ...later].map((golden) => [golden.name, golden]));
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

type Steps = Parameters<typeof missed>[0];

/** What a recorded build says by itself of the steps that may run although the other side has them. */
interface MissedContext {
  readonly name: string;
  readonly build: GoldenBuild;
  readonly real: RealBuildKit;
  readonly t: TestContext;
}

/** Nothing may run but what is known to differ with the BuildKit at hand. */
async function assertMissed(steps: Steps, { build, name, real, t }: MissedContext): Promise<void> {
  assert.ok(steps.length > 0, 'there are steps to be cached');
  const found = missed(steps).map((step) => step.replace(/^\[[^\]]*\] /, ''));
  const known = olderContentKeys[name];
  // Steps of one number come in any order.
  const [ran, expected] = [[...found].sort(), [...(known?.steps ?? [])].sort()];
  if (known && (real.hasOlderContentKeys === true || ran.join('\n') === expected.join('\n'))) {
    assert.deepEqual(ran, expected, known.reason);
    t.diagnostic(`known difference: ${known.reason}`);
    return;
  }
  const lost = neverExported.find(({ step }) => missed(steps).some((text) => step.test(text)));
  if (lost === undefined) {
    assert.deepEqual(found, []);
    return;
  }
  await real.prune();
  const own = await real.build({ ...build.real, cacheFrom: [cacheOf(name, 'buildkit')] });
  assert.deepEqual(missed(steps), missed(own.steps), 'what ran is what BuildKit runs with its own cache');
  t.diagnostic(`known difference: ${lost.reason}`);
}

/** Whether BuildKit refuses the build for a flag that it is known not to know. */
async function isRefused(t: TestContext, name: string, build: () => Promise<unknown>): Promise<boolean> {
  const flag = newerFlags[name];
  const error = await build().then(
    () => undefined,
    (reason: unknown) => reason as Error,
  );
  if (error === undefined) return false;
  if (flag === undefined || !error.message.includes(`unknown flag: ${flag}`)) throw error;
  assert.notEqual((buildkit as RealBuildKit).hasOlderContentKeys, false, error.message);
  t.diagnostic(`known difference: BuildKit 0.25 has no ${flag}`);
  return true;
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
      const image = { ...build.real, cacheTo, push: imageOf(name, 'buildkit') };
      if (await isRefused(t, name, () => real.build(image))) return;
      const cacheFrom = sources(cacheOf(name, 'buildkit'));
      const options = { directory: work, env: build.env };
      const { steps } = await buildOnEmptyState({ ...build.embedded, cacheFrom }, options);
      await assertMissed(steps, { build, name, real, t });
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
      const image = { ...build.real, cacheFrom: [cacheOf(name, 'embedded')] };
      let steps: Steps = [];
      if (await isRefused(t, name, async () => ({ steps } = await real.build(image)))) return;
      await assertMissed(steps, { build, name, real, t });
    });
  });

  test(`${name}: both build the same files`, async (t) => {
    if (typeof buildkit === 'string') {
      t.skip(buildkit);
      return;
    }
    const store = registry.repository(`image/${name}`);
    if (newerFlags[name] !== undefined && !(await store.resolve('buildkit'))) {
      t.skip(`BuildKit has no ${newerFlags[name]}`);
      return;
    }
    const [real, embedded] = [await unpackImage(store, 'buildkit'), await unpackImage(store, 'embedded')];
    assert.deepEqual(embedded.files, real.files);
    assert.deepEqual(embedded.config.config, real.config.config);
    assert.equal(embedded.config.rootfs.diff_ids.length, real.config.rootfs.diff_ids.length);
  });
}
