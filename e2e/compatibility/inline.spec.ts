import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TemporaryDirectory } from '../../src/testing/temporary-directory';
import { inlineCacheKey } from '../../src/cache/inline-cache';
import { parseReference } from '../../src/oci/reference';
import type { CompressionType } from '../../src/compression/contract';
import { buildOnEmptyState, sources, targets, type EmbeddedBuild } from '../testing/embedded-build';
import { canWriteEstargz } from '../testing/estargz-probe';
import { goldenWithLayers, whyNoGolden } from '../testing/golden-build';
import { unpackImage } from '../testing/image-files';
import { layOutNodeApp } from '../testing/node-app';
import { missed, RealBuildKit, type RealBuild } from '../testing/real-buildkit';
import { TestRegistry } from '../testing/test-registry';
import { estargzPanic } from './known-differences';

// Inline caches: the records are in the config of the pushed image, which the other side imports by its name.

interface Form {
  readonly name: string;
  readonly compression: CompressionType;
  readonly ociMediaTypes: boolean;
}

const forms: readonly Form[] = [
  { name: 'gzip', compression: 'gzip', ociMediaTypes: true },
  { name: 'docker', compression: 'gzip', ociMediaTypes: false },
  { name: 'zstd', compression: 'zstd', ociMediaTypes: true },
  { name: 'uncompressed', compression: 'uncompressed', ociMediaTypes: true },
  { name: 'estargz', compression: 'estargz', ociMediaTypes: true },
];

let directory: TemporaryDirectory;
let registry: TestRegistry;
let buildkit: RealBuildKit | string;
let embedded: EmbeddedBuild;
let real: RealBuild;
let writesEstargz: boolean;

before(async () => {
  buildkit = whyNoGolden() ?? (await RealBuildKit.open());
  if (typeof buildkit === 'string') return;
  directory = await TemporaryDirectory.create();
  registry = await TestRegistry.start(directory.join('registry'));
  await registry.serveLayouts(goldenWithLayers());
  embedded = await layOutNodeApp(directory.path, { base: `${registry.host}/golden/base:1` });
  real = { context: embedded.context, file: embedded.dockerfile.path };
  writesEstargz = await canWriteEstargz(directory.path);
});

after(async () => {
  if (typeof buildkit === 'string') return;
  await registry[Symbol.asyncDispose]();
  await buildkit[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const imageOf = (side: string, form: Form): string => `${registry.host}/inline/${side}:${form.name}`;

/** The image's config has records in it. */
async function assertHasInlineCache(side: string, form: Form): Promise<void> {
  const { config } = await unpackImage(registry.repository(`inline/${side}`), form.name);
  assert.equal(typeof config[inlineCacheKey], 'string', `${inlineCacheKey} in the config`);
}

function pushAs({ compression, ociMediaTypes }: Form, reference: string): Partial<EmbeddedBuild> {
  return {
    tags: [parseReference(reference)],
    outputs: [{ type: 'image', push: true, ociMediaTypes, compression: { type: compression }, forceCompression: true }],
    cacheTo: targets('type=inline'),
  };
}

for (const form of forms) {
  test(`inline ${form.name}: BuildKit exports, the embedded engine imports and runs nothing`, async (t) => {
    if (typeof buildkit === 'string') {
      t.skip(buildkit);
      return;
    }
    if (form.compression === 'estargz' && !writesEstargz) {
      t.skip(estargzPanic);
      return;
    }
    const push = imageOf('buildkit', form);
    const pushAttributes = `compression=${form.compression},force-compression=true,oci-mediatypes=${form.ociMediaTypes}`;
    await buildkit.build({ ...real, cacheTo: ['type=inline'], push, pushAttributes });
    await assertHasInlineCache('buildkit', form);
    const cacheFrom = sources(`type=registry,ref=${push}`);
    const again = pushAs(form, `${registry.host}/inline/from-buildkit:${form.name}`);
    const { steps } = await buildOnEmptyState({ ...embedded, ...again, cacheFrom }, { directory: directory.path });
    assert.deepEqual(missed(steps), []);
    assert.ok(steps.length > 0);
    // What it makes of the hits is the image, with an inline cache of its own.
    await assertHasInlineCache('from-buildkit', form);
  });

  test(`inline ${form.name}: the embedded engine exports, BuildKit imports and prints CACHED`, async (t) => {
    if (typeof buildkit === 'string') {
      t.skip(buildkit);
      return;
    }
    const image = imageOf('embedded', form);
    await buildOnEmptyState({ ...embedded, ...pushAs(form, image) }, { directory: directory.path });
    await assertHasInlineCache('embedded', form);
    await buildkit.prune();
    const push = `${registry.host}/inline/from-embedded:${form.name}`;
    const { steps } = await buildkit.build({ ...real, cacheFrom: [`type=registry,ref=${image}`], push });
    assert.deepEqual(missed(steps), []);
    assert.ok(steps.length > 0);
    const { files } = await unpackImage(registry.repository('inline/embedded'), form.name);
    const again = await unpackImage(registry.repository('inline/from-embedded'), form.name);
    assert.deepEqual(again.files, files);
  });
}

test('inline: with one source file changed, either side runs what follows from it with the cache of either', async (t) => {
  if (typeof buildkit === 'string') {
    t.skip(buildkit);
    return;
  }
  const work = await mkdtemp(join(directory.path, 'changed-'));
  const changed = await layOutNodeApp(work, { base: `${registry.host}/golden/base:1` });
  await writeFile(join(changed.context, 'apps/api/main.js'), "console.log('version 2');\n");
  const form = forms[0]!;
  const ran = new Map<string, readonly string[]>();
  for (const side of ['buildkit', 'embedded']) {
    const from = `type=registry,ref=${imageOf(side, form)}`;
    const here = await buildOnEmptyState({ ...changed, cacheFrom: sources(from) }, { directory: directory.path });
    ran.set(`embedded from ${side}`, missed(here.steps));
    await buildkit.prune();
    const there = await buildkit.build({ context: changed.context, file: changed.dockerfile.path, cacheFrom: [from] });
    ran.set(`buildkit from ${side}`, missed(there.steps));
  }
  const expected = ran.get('buildkit from buildkit');
  assert.ok(expected && expected.length > 0);
  for (const [side, names] of ran) assert.deepEqual(names, expected, side);
});
