import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DirectoryStore } from '../../src/content/directory-store';
import type { ContentStore } from '../../src/content/contract';
import { parseImageIndex, parseImageManifest } from '../../src/oci/manifest';
import { isIndex } from '../../src/oci/media-types';
import { formatPlatform } from '../../src/oci/platform';
import { listTar } from '../testing/pulled-image';
import { openDocker } from './docker-env';
import { EngineRig, type EngineName } from './engine-rig';

// Annotations at every place, and what several platforms are written as, by either engine.

let rig: EngineRig;

before(async () => {
  rig = await EngineRig.open(openDocker);
});

after(() => rig[Symbol.asyncDispose]());

const engines = ['embedded', 'buildkit'] as const;
const dockerfile = 'FROM scratch\nARG TARGETARCH\nCOPY --chmod=0750 linux-$TARGETARCH /dir/x\n';
const files = { 'linux-amd64': 'x', 'linux-arm64': 'y' };
const platforms = ['linux/amd64', 'linux/arm64'];
const annotations = {
  plain: 'a, "b"=c',
  'manifest:both': 'every',
  'manifest[linux/arm64]:both': 'arm',
  'manifest[linux/arm64]:own': 'arm',
  'manifest-descriptor:listed': 'every',
  'manifest-descriptor[linux/amd64],index:shared': 'amd and index',
  'index:of:index': 'in',
  'index-descriptor:of': 'layout',
};

type Notes = Readonly<Record<string, string>>;

interface Found {
  readonly index: Notes;
  /** By platform, or by `image` for an image without an index. */
  readonly descriptors: Readonly<Record<string, Notes>>;
  readonly manifests: Readonly<Record<string, Notes>>;
}

/** The annotations under a tag or digest. */
async function annotationsIn(store: ContentStore, reference: string): Promise<Found> {
  const top = await store.getManifest(reference);
  assert.ok(top, `${reference} is in ${store.name}`);
  if (!isIndex(top.descriptor.mediaType)) {
    const image = parseImageManifest(top.bytes).annotations ?? {};
    return { index: {}, descriptors: {}, manifests: { image } };
  }
  const index = parseImageIndex(top.bytes);
  const descriptors: Record<string, Notes> = {};
  const manifests: Record<string, Notes> = {};
  for (const { annotations: notes = {}, digest, platform } of index.manifests) {
    const name = platform === undefined ? 'none' : formatPlatform(platform);
    const stored = await store.getManifest(digest);
    assert.ok(stored);
    descriptors[name] = notes;
    manifests[name] = parseImageManifest(stored.bytes).annotations ?? {};
  }
  return { index: index.annotations ?? {}, descriptors, manifests };
}

const expected: Found = {
  index: { 'of:index': 'in', shared: 'amd and index' },
  descriptors: {
    'linux/amd64': { listed: 'every', shared: 'amd and index' },
    'linux/arm64': { listed: 'every' },
  },
  manifests: {
    'linux/amd64': { plain: 'a, "b"=c', both: 'every' },
    'linux/arm64': { plain: 'a, "b"=c', both: 'arm', own: 'arm' },
  },
};

/** Without what only one engine or one version notes. */
function known(notes: Notes = {}): Notes {
  const own = /^(?:org\.opencontainers\.image\.(?:created|ref\.name)|io\.containerd\.image\.name|config\.digest)$/;
  return Object.fromEntries(Object.entries(notes).filter(([key]) => !own.test(key)));
}

async function layoutEntries(directory: string) {
  return parseImageIndex(await readFile(join(directory, 'index.json'))).manifests;
}

for (const engine of engines) {
  test(`${engine}: annotations of several platforms are pushed to their places`, async (t) => {
    if (engine === 'buildkit' && rig.skips(t)) return;
    const tags = [rig.tagOf('annotated', engine)];
    const built = await rig.build(engine, { dockerfile, files }, { annotations, platforms, tags, push: true });
    assert.ok(built.success, built.output);
    assert.deepEqual(await annotationsIn(rig.store('annotated'), engine), expected);
  });

  test(`${engine}: annotations of several platforms are in an OCI layout, the index's descriptor included`, async (t) => {
    if (engine === 'buildkit' && rig.skips(t)) return;
    const outputs = ['type=oci,tar=false,dest=layout'];
    const built = await rig.build(engine, { dockerfile, files }, { annotations, platforms, outputs });
    assert.ok(built.success, built.output);
    const directory = join(built.workspace, 'layout');
    const [entry] = await layoutEntries(directory);
    assert.ok(entry);
    assert.deepEqual(known(entry.annotations), { of: 'layout' });
    assert.deepEqual(await annotationsIn(new DirectoryStore(directory), entry.digest), expected);
  });

  test(`${engine}: annotations of one platform, as a list`, async (t) => {
    if (engine === 'buildkit' && rig.skips(t)) return;
    const list = ['plain=a', 'manifest[linux/amd64]:own=b', 'manifest-descriptor:listed=c'];
    const outputs = ['type=image,push=true', 'type=oci,tar=false,dest=layout'];
    const tags = [rig.tagOf('single', engine)];
    const built = await rig.build(
      engine,
      { dockerfile, files },
      { annotations: list, platforms: ['linux/amd64'], outputs, tags },
    );
    assert.ok(built.success, built.output);
    const found = { index: {}, descriptors: {}, manifests: { image: { plain: 'a', own: 'b' } } };
    assert.deepEqual(await annotationsIn(rig.store('single'), engine), found);
    const directory = join(built.workspace, 'layout');
    const [entry] = await layoutEntries(directory);
    assert.ok(entry);
    assert.deepEqual(known(entry.annotations), { listed: 'c' });
    assert.deepEqual(await annotationsIn(new DirectoryStore(directory), entry.digest), found);
  });

  test(`${engine}: annotations of manifests with Docker's media types`, async (t) => {
    if (engine === 'buildkit' && rig.skips(t)) return;
    const outputs = ['type=image,push=true,oci-mediatypes=false'];
    const tags = [rig.tagOf('docker-types', engine)];
    const one = { annotations: { a: 'b' }, platforms: ['linux/amd64'], outputs, tags };
    const built = await rig.build(engine, { dockerfile, files }, one);
    assert.ok(built.success, built.output);
    const { manifests } = await annotationsIn(rig.store('docker-types'), engine);
    assert.deepEqual(manifests, { image: { a: 'b' } });
  });
}

async function outputsOf(engine: EngineName) {
  const outputs = ['type=local,dest=out/dir', 'type=tar,dest=out/files.tar', 'type=oci,dest=out/image.tar'];
  const tags = ['example.com/acme/app:1'];
  const built = await rig.build(engine, { dockerfile, files }, { platforms, outputs, tags });
  assert.ok(built.success, built.output);
  const read = (path: string): Promise<string> => readFile(join(built.workspace, 'out/dir', path), 'utf8');
  const archive = listTar(join(built.workspace, 'out/image.tar'));
  return {
    local: [await read('linux_amd64/dir/x'), await read('linux_arm64/dir/x')],
    // Whether an archive begins with an entry for its own root says nothing.
    tar: [...listTar(join(built.workspace, 'out/files.tar'))].filter(([path]) => !/^\.?\/?$/.test(path)).sort(),
    oci: [...archive.keys()].filter((path) => !path.startsWith('blobs')).sort(),
    blobs: [...archive.keys()].filter((path) => path.startsWith('blobs/sha256/')).length,
  };
}

test('local, tar and oci outputs of several platforms are laid out alike', async (t) => {
  if (rig.skips(t)) return;
  const [embedded, buildkit] = [await outputsOf('embedded'), await outputsOf('buildkit')];
  assert.deepEqual(embedded.local, ['x', 'y']);
  assert.deepEqual(embedded, buildkit);
});

test('what BuildKit would refuse after the build is refused before it', async (t) => {
  if (rig.skips(t)) return;
  for (const engine of engines) {
    const built = await rig.build(
      engine,
      { dockerfile, files },
      { annotations: { 'index:a': '1', 'manifest[linux/s390x]:b': '2' }, platforms: ['linux/amd64'] },
    );
    assert.equal(built.success, false);
    assert.match(built.output, /OPTION_CONFLICT[^]*OPTION_INVALID: no image is built for linux\/s390x/);
    assert.doesNotMatch(built.output, /COPY/);
  }
});
