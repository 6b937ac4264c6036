import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TemporaryDirectory } from '../../src/testing/temporary-directory';
import { describeImage } from '../golden/recorded-image';
import { buildOnEmptyState, pushTo, sources } from '../testing/embedded-build';
import { goldenWithLayers, whyNoGolden } from '../testing/golden-build';
import { unpackImage, type ImageFile } from '../testing/image-files';
import { randomBuild, writeContext } from '../testing/random-build';
import { missed, RealBuildKit } from '../testing/real-buildkit';
import { TestRegistry } from '../testing/test-registry';

// Dockerfiles that nobody would write, built by both: what one refuses the other refuses, and what both build is the
// same, keys included. NXRC_RANDOM_SEED=FIRST:COUNT tries others.

const [firstSeed = 1, count = 40] = (process.env['NXRC_RANDOM_SEED'] ?? '1:40').split(':').map(Number);

let directory: TemporaryDirectory;
let registry: TestRegistry;
let buildkit: RealBuildKit | string;
let base: Readonly<Record<string, ImageFile>>;

before(async () => {
  buildkit = whyNoGolden() ?? (await RealBuildKit.open());
  if (typeof buildkit === 'string') return;
  directory = await TemporaryDirectory.create();
  registry = await TestRegistry.start(directory.join('registry'));
  await registry.serveLayouts(goldenWithLayers());
  base = (await unpackImage(registry.repository('golden/base'), '1')).files;
});

after(async () => {
  if (typeof buildkit === 'string') return;
  await registry[Symbol.asyncDispose]();
  await buildkit[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

for (let seed = firstSeed; seed < firstSeed + count; seed++) {
  test(`random build ${seed}`, async (t) => {
    const real = buildkit;
    if (typeof real === 'string') {
      t.skip(real);
      return;
    }
    const work = await mkdtemp(directory.join(`${seed}-`));
    try {
      const build = randomBuild(seed, {
        base: `${registry.host}/golden/base:1`,
        // It came to the stable syntax together with the newer keys.
        ...(real.hasOlderContentKeys === true && { withoutFlags: ['--parents'] }),
      });
      const context = join(work, 'context');
      const file = join(work, 'Dockerfile');
      await writeContext(build, context);
      await writeFile(file, build.dockerfile);
      const cache = `type=registry,ref=${registry.host}/cache/random:${seed}`;
      const image = (side: string): string => `${registry.host}/image/random:${seed}-${side}`;
      const realBuild = { context, file, cacheTo: [`${cache},mode=max,image-manifest=true`], push: image('buildkit') };
      const theirs = await failureOf(real.build(realBuild));
      const embedded = { context, dockerfile: { path: file, text: build.dockerfile } };
      const ours = await failureOf(
        buildOnEmptyState({ ...embedded, ...pushTo(image('embedded')) }, { directory: work }),
      );
      t.diagnostic(theirs === undefined ? 'can be built' : 'cannot be built');
      if (theirs !== undefined) {
        // BuildKit does not get a directory in which nothing is asked for, so it cannot find nothing in it.
        if (!/no such file or directory|not found/.test(theirs)) assert.notEqual(ours, undefined, theirs);
        return;
      }
      assert.equal(ours, undefined, build.dockerfile);
      const store = registry.repository('image/random');
      const [their, our] = [await unpackImage(store, `${seed}-buildkit`), await unpackImage(store, `${seed}-embedded`)];
      assert.deepEqual(describeImage(our, base), describeImage(their, base), build.dockerfile);
      if (real.hasOlderContentKeys === true) return;
      const imported = await buildOnEmptyState({ ...embedded, cacheFrom: sources(cache) }, { directory: work });
      assert.deepEqual(missed(imported.steps), [], build.dockerfile);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  });
}

/** Why something failed; undefined if it did not. */
async function failureOf(doing: Promise<unknown>): Promise<string | undefined> {
  return doing.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}
