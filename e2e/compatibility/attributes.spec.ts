import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { compressionTypes, type CompressionType } from '../../src/compression/contract';
import { mediaTypes } from '../../src/oci/media-types';
import { TemporaryDirectory } from '../../src/testing/temporary-directory';
import { verifyCache, type CacheFacts } from '../testing/cache-layers';
import {
  buildEmbedded,
  buildOnEmptyState,
  pushTo,
  sources,
  targets,
  type EmbeddedBuild,
} from '../testing/embedded-build';
import { canWriteEstargz } from '../testing/estargz-probe';
import { goldenWithLayers, whyNoGolden } from '../testing/golden-build';
import { unpackImage } from '../testing/image-files';
import { layOutNodeApp } from '../testing/node-app';
import { missed, RealBuildKit, type RealBuild } from '../testing/real-buildkit';
import { TestRegistry } from '../testing/test-registry';
import { estargzPanic } from './known-differences';

// Every combination of the attributes that decide how a cache lies in a registry, written by one side and read by the
// other, each layer unpacked and compared with its diffID.

interface Form {
  readonly name: string;
  readonly attributes: string;
  readonly mediaType: string;
}

/** An image manifest with Docker's media types does not exist, and neither does a Docker media type of estargz. */
const forms: readonly Form[] = [
  { name: 'image', attributes: 'oci-mediatypes=true,image-manifest=true', mediaType: mediaTypes.ociManifest },
  { name: 'index', attributes: 'oci-mediatypes=true,image-manifest=false', mediaType: mediaTypes.ociIndex },
  { name: 'docker-index', attributes: 'oci-mediatypes=false,image-manifest=false', mediaType: mediaTypes.dockerIndex },
];

interface Cell {
  readonly tag: string;
  readonly attributes: string;
  readonly compression: CompressionType;
  readonly force: boolean;
  readonly mode: 'min' | 'max';
  readonly form: Form;
}

const cells: readonly Cell[] = compressionTypes.flatMap((compression) =>
  [false, true].flatMap((force) =>
    (['min', 'max'] as const).flatMap((mode) =>
      forms
        .filter(({ name }) => compression !== 'estargz' || name !== 'docker-index')
        .map((form) => ({
          tag: `${compression}-${force ? 'force' : 'keep'}-${mode}-${form.name}`,
          attributes: `mode=${mode},compression=${compression},force-compression=${force},${form.attributes}`,
          ...{ compression, force, mode, form },
        })),
    ),
  ),
);

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

const cacheOf = (cell: Cell, side: string): string => `type=registry,ref=${registry.host}/cache/${side}:${cell.tag}`;

/** Checks the form of a cache, and that a forced compression is that of all layers. */
function assertForm(cell: Cell, { mediaType, layers }: CacheFacts): void {
  assert.equal(mediaType, cell.form.mediaType);
  assert.ok(layers.length > 0, 'the cache has layers');
  if (cell.force) assert.deepEqual([...new Set(layers.map(({ compression }) => compression))], [cell.compression]);
  const isDocker = cell.form.name === 'docker-index';
  for (const layer of layers) {
    assert.equal(layer.mediaType.startsWith('application/vnd.docker.'), isDocker, layer.mediaType);
  }
}

for (const cell of cells) {
  test(`${cell.tag}: BuildKit exports, the embedded engine imports`, async (t) => {
    if (typeof buildkit === 'string') {
      t.skip(buildkit);
      return;
    }
    if (cell.compression === 'estargz' && cell.force && !writesEstargz) {
      t.skip(estargzPanic);
      return;
    }
    await buildkit.build({ ...real, cacheTo: [`${cacheOf(cell, 'buildkit')},${cell.attributes}`] });
    assertForm(cell, await verifyCache(registry.repository('cache/buildkit'), cell.tag));
    const cacheFrom = sources(cacheOf(cell, 'buildkit'));
    // Pushing the image fetches the layers, which are so read by the other side as well.
    const image = pushTo(`${registry.host}/image/embedded:${cell.tag}`);
    const { steps } = await buildOnEmptyState({ ...embedded, cacheFrom, ...image }, { directory: directory.path });
    assert.deepEqual(missed(steps), []);
    assert.ok(steps.length > 0);
  });
}

test('the embedded engine exports with every combination at once', async (t) => {
  if (typeof buildkit === 'string') {
    t.skip(buildkit);
    return;
  }
  const cacheTo = targets(...cells.map((cell) => `${cacheOf(cell, 'embedded')},${cell.attributes}`));
  const { outcome } = await buildEmbedded({ ...embedded, cacheTo }, { stateDirectory: directory.join('writer') });
  assert.equal(outcome.cacheExports.length, cells.length);
});

for (const cell of cells) {
  test(`${cell.tag}: the embedded engine exports, BuildKit imports`, async (t) => {
    if (typeof buildkit === 'string') {
      t.skip(buildkit);
      return;
    }
    assertForm(cell, await verifyCache(registry.repository('cache/embedded'), cell.tag));
    await buildkit.prune();
    const push = `${registry.host}/image/buildkit:${cell.tag}`;
    const { steps } = await buildkit.build({ ...real, cacheFrom: [cacheOf(cell, 'embedded')], push });
    assert.deepEqual(missed(steps), []);
    assert.ok(steps.length > 0);
  });
}

for (const type of compressionTypes) {
  test(`an image of the embedded engine with ${type} layers unpacks in BuildKit to the same files`, async (t) => {
    if (typeof buildkit === 'string') {
      t.skip(buildkit);
      return;
    }
    const reference = `${registry.host}/image/compressed:${type}`;
    const output = {
      type: 'image',
      push: true,
      ociMediaTypes: true,
      compression: { type },
      forceCompression: true,
    } as const;
    const image = { ...pushTo(reference), outputs: [output] };
    await buildEmbedded({ ...embedded, ...image }, { stateDirectory: directory.join('writer') });
    const { files } = await unpackImage(registry.repository('image/compressed'), type);
    assert.ok(files['app/main.js']);
    // A step on top makes BuildKit unpack all layers, and it checks their diffIDs.
    const file = directory.join(`${type}.Dockerfile`);
    await writeFile(file, `FROM ${reference}\nRUN test -L start.js && cmp main.js start.js\n`);
    await buildkit.build({ context: embedded.context, file });
  });
}

test('with one source file changed, the same steps run on either side, with a cache of either side', async (t) => {
  if (typeof buildkit === 'string') {
    t.skip(buildkit);
    return;
  }
  const context = await mkdtemp(join(directory.path, 'changed-'));
  const changed = await layOutNodeApp(context, { base: `${registry.host}/golden/base:1` });
  await writeFile(join(changed.context, 'apps/api/main.js'), "console.log('version 2');\n");
  const cell = cells.find(({ tag }) => tag === 'gzip-keep-max-image')!;
  const ran: Record<string, readonly string[]> = {};
  for (const side of ['buildkit', 'embedded']) {
    const from = cacheOf(cell, side);
    const there = await buildOnEmptyState({ ...changed, cacheFrom: sources(from) }, { directory: directory.path });
    ran[`embedded from ${side}`] = missed(there.steps);
    await buildkit.prune();
    const file = changed.dockerfile.path;
    ran[`buildkit from ${side}`] = missed(
      (await buildkit.build({ context: changed.context, file, cacheFrom: [from] })).steps,
    );
  }
  const expected = [
    '[build 2/3] COPY apps/api ./apps/api',
    '[build 3/3] RUN mkdir dist && cat apps/api/main.js libs/greeting/index.js > dist/main.js',
    '[stage-2 4/5] COPY --from=build --chown=1000:1000 /repo/dist ./',
    '[stage-2 5/5] RUN chmod 0755 main.js && ln -s main.js start.js',
  ];
  for (const [side, names] of Object.entries(ran)) assert.deepEqual(names, expected, side);
});
