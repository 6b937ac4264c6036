import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { TemporaryDirectory } from '../../src/testing/temporary-directory';
import { buildOnEmptyState, pushTo, sources, targets } from '../testing/embedded-build';
import { unpackImage } from '../testing/image-files';
import { missed, RealBuildKit } from '../testing/real-buildkit';
import { TestRegistry } from '../testing/test-registry';

test('COPY --parents needs a frontend newer than that of BuildKit 0.25; with one, both sides agree', async (t) => {
  const buildkit = await RealBuildKit.open();
  if (typeof buildkit === 'string') {
    t.skip(buildkit);
    return;
  }
  await using directory = await TemporaryDirectory.create();
  await using registry = await TestRegistry.start(directory.join('registry'));
  try {
    const context = directory.join('context');
    await mkdir(join(context, 'src/lib'), { recursive: true });
    await writeFile(join(context, 'src/lib/c.js'), 'c\n');
    const path = join(context, 'Dockerfile');
    const text = 'FROM scratch\nCOPY --parents src/lib/c.js /app/\n';
    await writeFile(path, text);

    const cache = (side: string): string => `type=registry,ref=${registry.host}/cache:${side}`;
    const image = (side: string): string => `${registry.host}/image:${side}`;
    const embedded = { context, dockerfile: { path, text } };
    await buildOnEmptyState(
      { ...embedded, cacheTo: targets(`${cache('embedded')},mode=max`), ...pushTo(image('embedded')) },
      { directory: directory.path },
    );
    const { files } = await unpackImage(registry.repository('image'), 'embedded');
    assert.equal(files['app/src/lib/c.js']?.type, 'file');

    const real = { context, cacheFrom: [cache('embedded')], push: image('buildkit') };
    const outcome = await buildkit.build(real).catch((error: unknown) => error as Error);
    if (outcome instanceof Error) {
      assert.match(outcome.message, /unknown flag: --parents/);
      assert.notEqual(buildkit.hasOlderContentKeys, false);
      return;
    }
    assert.notEqual(buildkit.hasOlderContentKeys, true, 'BuildKit 0.25 refuses --parents');
    assert.deepEqual(missed(outcome.steps), []);
    assert.deepEqual((await unpackImage(registry.repository('image'), 'buildkit')).files, files);
    await buildkit.build({ context, cacheTo: [`${cache('buildkit')},mode=max`] });
    const there = await buildOnEmptyState(
      { ...embedded, cacheFrom: sources(cache('buildkit')) },
      { directory: directory.path },
    );
    assert.deepEqual(missed(there.steps), []);
  } finally {
    await buildkit[Symbol.asyncDispose]();
  }
});
