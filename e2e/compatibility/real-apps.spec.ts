import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TemporaryDirectory } from '../../src/testing/temporary-directory';
import { pushDebianBase, readHostSettings, type HostSettings } from '../testing/debian-base';
import { buildOnEmptyState, pushTo, sources, targets, type EmbeddedBuild } from '../testing/embedded-build';
import { unpackImage } from '../testing/image-files';
import { layOutNodeMonorepo, layOutStaticSite, type RealApp } from '../testing/real-apps';
import { missed, RealBuildKit, type RealBuild } from '../testing/real-buildkit';
import type { SolvedVertex } from '../testing/rawjson';
import { TestRegistry } from '../testing/test-registry';

// Apps with packages installed in RUN, on a Debian made by debootstrap: built by each side, the cache read by the other.

let unavailable: string | undefined;
let registry: TestRegistry;
let buildkit: RealBuildKit;
let directory: TemporaryDirectory;
let settings: HostSettings;
const opened: AsyncDisposable[] = [];

before(async () => {
  const real = await RealBuildKit.open();
  if (typeof real === 'string') {
    unavailable = real;
    return;
  }
  opened.push((buildkit = real));
  opened.push((directory = await TemporaryDirectory.create()));
  opened.push((registry = await TestRegistry.start(directory.join('registry'))));
  const found = await readHostSettings(directory.path);
  if (found) settings = found;
  unavailable = found
    ? await pushDebianBase(`${registry.host}/debian:base`, directory.path)
    : 'an app with packages of npm needs npm beside this Node';
});

after(async () => {
  for (const each of opened.reverse()) await each[Symbol.asyncDispose]();
});

function embeddedBuild(app: RealApp): EmbeddedBuild {
  return {
    context: app.context,
    dockerfile: app.dockerfile,
    buildContexts: { npm: { type: 'directory', directory: settings.npm } },
    secrets: Object.entries(settings.secretFiles).map(([id, file]) => ({ id, from: { file } })),
    network: 'host',
  };
}

function realBuild(app: RealApp): RealBuild {
  return {
    context: app.context,
    file: app.dockerfile.path,
    buildContexts: { npm: settings.npm },
    secretFiles: settings.secretFiles,
    network: 'host',
  };
}

function instructions(steps: readonly SolvedVertex[]): readonly string[] {
  return missed(steps).map((step) => step.replace(/^\[[^\]]*\] /, ''));
}

for (const layOut of [layOutStaticSite, layOutNodeMonorepo]) {
  const name = layOut.name.replace('layOut', '');
  test(`${name}: built by either side, hit by the other, with the same files`, async (t) => {
    if (unavailable !== undefined) {
      t.skip(unavailable);
      return;
    }
    const app = await layOut(directory.path, `${registry.host}/debian:base`);
    await writeFile(app.dockerfile.path, app.dockerfile.text);
    const cache = (side: string): string => `type=registry,ref=${registry.host}/cache/${app.name}:${side}`;
    const image = (side: string): string => `${registry.host}/image/${app.name}:${side}`;
    const options = { directory: directory.path };

    await buildkit.prune();
    const cold = await buildkit.build({
      ...realBuild(app),
      cacheTo: [`${cache('buildkit')},mode=max`],
      push: image('buildkit'),
    });
    assert.ok(missed(cold.steps).length > 0, 'the first build of BuildKit runs steps');
    const here = { ...embeddedBuild(app), cacheTo: targets(`${cache('embedded')},mode=max`) };
    await buildOnEmptyState({ ...here, ...pushTo(image('embedded')) }, options);

    const there = await buildOnEmptyState(
      { ...embeddedBuild(app), cacheFrom: sources(cache('buildkit')), ...pushTo(image('from-buildkit')) },
      options,
    );
    assert.deepEqual(missed(there.steps), [], 'the embedded engine takes all of what BuildKit wrote');
    await buildkit.prune();
    const back = await buildkit.build({
      ...realBuild(app),
      cacheFrom: [cache('embedded')],
      push: image('from-embedded'),
    });
    assert.deepEqual(missed(back.steps), [], 'BuildKit takes all of what the embedded engine wrote');

    const store = registry.repository(`image/${app.name}`);
    const { files } = await unpackImage(store, 'buildkit');
    for (const side of ['embedded', 'from-buildkit', 'from-embedded']) {
      assert.deepEqual((await unpackImage(store, side)).files, files, `files of ${side}`);
    }

    await writeFile(join(app.context, app.change.path), app.change.text);
    for (const side of ['buildkit', 'embedded']) {
      const changed = await buildOnEmptyState({ ...embeddedBuild(app), cacheFrom: sources(cache(side)) }, options);
      assert.deepEqual(instructions(changed.steps), [...app.affected], `embedded from ${side}, one file changed`);
      await buildkit.prune();
      const again = await buildkit.build({ ...realBuild(app), cacheFrom: [cache(side)] });
      assert.deepEqual(instructions(again.steps), [...app.affected], `BuildKit from ${side}, one file changed`);
    }
  });
}
