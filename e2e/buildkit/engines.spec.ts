import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isIndex } from '../../src/oci/media-types';
import type { DockerBuildOptions } from '../../src/workspace/docker-build-options';
import { openDocker } from './docker-env';
import { EngineRig, type PushedImage } from './engine-rig';

let rig: EngineRig;

before(async () => {
  rig = await EngineRig.open(openDocker);
});

after(() => rig[Symbol.asyncDispose]());

const files = { 'a.txt': 'a', 'dir/b.txt': 'b', 'other/c.txt': 'c', 'linux-amd64': 'x', 'linux-arm64': 'y' };

/** Options that both engines have. `SOURCE_DATE_EPOCH` makes the times in layers the same. */
const shared: readonly { readonly name: string; readonly dockerfile: string; readonly options: DockerBuildOptions }[] =
  [
    {
      name: 'args-labels',
      dockerfile: 'FROM scratch\nARG X\nENV Y=$X\nLABEL z=${X}\nCOPY a.txt /$X/',
      options: {
        buildArgs: { X: 'va"l,ue' },
        labels: { 'l.one': 'é "q" \\$\\{x} %\\{y}', two: 2 },
        annotations: { an: 'x=y' },
      },
    },
    {
      name: 'target-contexts',
      dockerfile:
        'FROM scratch AS one\nCOPY a.txt /\nFROM one AS two\nCOPY --from=more c.txt /d/\nFROM two\nCOPY dir /never',
      options: { target: 'two', buildContexts: { more: 'other' } },
    },
    { name: 'context', dockerfile: 'FROM scratch\nCOPY b.txt /', options: { context: 'dir', file: 'Dockerfile' } },
    {
      name: 'compression',
      dockerfile: 'FROM scratch\nCOPY dir /dir',
      options: { outputs: ['type=image,push=true,compression=uncompressed,oci-mediatypes=false'] },
    },
    {
      name: 'platform',
      dockerfile: 'FROM scratch\nARG TARGETARCH\nCOPY linux-$TARGETARCH /x',
      options: { platform: 'linux/arm64' },
    },
    {
      name: 'platforms',
      dockerfile: 'FROM scratch\nARG TARGETPLATFORM\nARG TARGETARCH\nENV P=$TARGETPLATFORM\nCOPY linux-$TARGETARCH /x',
      options: { platforms: ['linux/amd64', 'linux/arm64'] },
    },
    {
      name: 'limits',
      dockerfile: 'FROM scratch\nCOPY a.txt /',
      options: {
        ...{ network: 'none', addHosts: ['db=10.0.0.1'], ulimits: ['nofile=1024:2048'], shmSize: '64m' },
        ...{ cgroupParent: 'nxrc', noCache: true, pull: true },
      },
    },
    {
      name: 'no-cache-filter',
      dockerfile: 'FROM scratch AS s\nCOPY a.txt /\nFROM s\nCOPY dir /',
      options: { noCache: ['s'] },
    },
  ];

for (const { name, dockerfile, options } of shared) {
  test(`options: ${name}: both engines push the same image`, async (t) => {
    if (rig.skips(t)) return;
    for (const engine of ['embedded', 'buildkit'] as const) {
      const { success, output, metadata } = await rig.build(
        engine,
        { dockerfile, files },
        { tags: [rig.tagOf(name, engine)], push: true, sourceDateEpoch: 1_000_000_000, ...options },
      );
      assert.ok(success, output);
      assert.match(String(metadata['containerimage.digest']), /^sha256:/);
    }
    const [embedded, buildkit] = await Promise.all([rig.pushed(`${name}:embedded`), rig.pushed(`${name}:buildkit`)]);
    assert.ok(embedded.length > 0);
    const shape = (images: readonly PushedImage[]): unknown =>
      images.map(({ platform, config, annotations, layers }) => ({
        platform,
        config,
        annotations,
        layers: layers.length,
      }));
    assert.deepEqual(shape(embedded), shape(buildkit));
  });
}

test('one cache for all platforms, each engine finding what the other wrote', async (t) => {
  if (rig.skips(t)) return;
  const dockerfile = 'FROM scratch AS base\nARG TARGETARCH\nCOPY linux-$TARGETARCH /x\nFROM base\nCOPY dir /dir';
  const platforms = ['linux/amd64', 'linux/arm64'];
  for (const [writer, reader] of [
    ['embedded', 'buildkit'],
    ['buildkit', 'embedded'],
  ] as const) {
    // The content is the writer's own, so that no builder knows it from before.
    const own = Object.fromEntries(
      Object.entries(files).map(([path, text]) => [path, `${text} ${writer} ${Date.now()}`]),
    );
    const cache = `type=registry,ref=${rig.host}/platform-cache:${writer}`;
    const tags = [rig.tagOf('cached', writer)];
    const first = await rig.build(
      writer,
      { dockerfile, files: own },
      { platforms, tags, push: true, cacheTo: [`${cache},mode=max`] },
    );
    assert.ok(first.success, first.output);
    const second = await rig.build(
      reader,
      { dockerfile, files: own },
      { platforms, tags, push: true, cacheFrom: [cache] },
    );
    assert.ok(second.success, second.output);
    assert.match(second.output, /cache: 4 of 4 steps were hits/);
  }
});

test('BuildKit: a missing cache is one warning, mistakes and failures have their place', async (t) => {
  if (rig.skips(t)) return;
  const cacheFrom = [`type=registry,ref=${rig.host}/none:1`];
  const good = await rig.build('buildkit', { dockerfile: 'FROM scratch\nCOPY a.txt /', files }, { cacheFrom });
  assert.ok(good.success, good.output);
  assert.equal(good.output.match(/CACHE_MISSING/g)?.length, 1);
  const two = await rig.build('buildkit', { dockerfile: 'FROM scratch\nCOPPY a /\nRUNN x' }, {});
  assert.equal(two.success, false);
  assert.match(two.output, /Dockerfile:2:1: error DOCKERFILE_UNKNOWN_INSTRUCTION[^]*Dockerfile:3:1: error/);
  const lost = await rig.build('buildkit', { dockerfile: 'FROM scratch\nCOPY nowhere /' }, {});
  assert.match(lost.output, /error VERTEX_FAILED: \[1\/1\] COPY nowhere \/ \(.*Dockerfile:2\): .*not found/);
});

test('BuildKit: local, tar and oci outputs, provenance, and the tags of several registries', async (t) => {
  if (rig.skips(t)) return;
  const outputs = ['type=local,dest=out/dir', 'type=tar,dest=out/files.tar', 'type=oci,dest=out/image.tar'];
  const { success, output, workspace } = await rig.build(
    'buildkit',
    { dockerfile: 'FROM scratch\nCOPY a.txt /', files },
    {
      outputs,
      provenance: 'mode=max',
      tags: [rig.tagOf('outputs', 'buildkit'), rig.tagOf('outputs2', 'buildkit')],
      push: true,
    },
  );
  assert.ok(success, output);
  assert.equal(await readFile(join(workspace, 'out/dir/a.txt'), 'utf8'), 'a');
  for (const name of ['files.tar', 'image.tar'])
    assert.ok((await readFile(join(workspace, 'out', name))).length > 1024);
  const index = await rig.store('outputs2').getManifest('buildkit');
  assert.ok(index && isIndex(index.descriptor.mediaType), 'an image with attestations is an index');
  assert.match(index.bytes.toString(), /attestation-manifest/);
});

test('a RUN for a platform that the machine cannot run is refused before the build', async () => {
  const { success, output } = await rig.build(
    'embedded',
    { dockerfile: 'FROM scratch\nCOPY a.txt /\nRUN ["/x"]', files },
    { platforms: ['linux/amd64', 'linux/s390x'] },
  );
  assert.equal(success, false);
  assert.match(output, /PLATFORM_NOT_RUNNABLE: this machine cannot run programs for linux\/s390x/);
  assert.doesNotMatch(output, /COPY a\.txt/);
});
