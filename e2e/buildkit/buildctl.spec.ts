import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openBuildctl } from './docker-env';
import { EngineRig } from './engine-rig';

// The engine buildkit on a machine with neither docker nor buildx: `buildctl` and `BUILDKIT_HOST` are all there is.

let rig: EngineRig;

before(async () => {
  rig = await EngineRig.open(openBuildctl);
});

after(() => rig[Symbol.asyncDispose]());

const dockerfile = `FROM scratch AS base
ARG TARGETARCH
ARG WORD=none
ENV SAID=$WORD
COPY --from=more linux-$TARGETARCH /x
FROM base
LABEL of=file
COPY a.txt /
`;
const files = { 'a.txt': 'a', 'more/linux-amd64': 'x', 'more/linux-arm64': 'y' };
const options = {
  buildContexts: { more: 'more' },
  buildArgs: { WORD: 'a "b", c' },
  labels: { 'l.one': 'x=y' },
  annotations: { an: 'x,y' },
  platforms: ['linux/amd64', 'linux/arm64'],
  sourceDateEpoch: 1_000_000_000,
};

test('buildctl: the image is the one that the embedded engine builds', async (t) => {
  if (rig.skips(t)) return;
  for (const engine of ['embedded', 'buildkit'] as const) {
    const tags = [rig.tagOf('image', engine), rig.tagOf('again', engine)];
    const built = await rig.build(engine, { dockerfile, files }, { ...options, tags, push: true });
    assert.ok(built.success, built.output);
    assert.match(String(built.metadata['containerimage.digest']), /^sha256:/);
  }
  const shape = async (name: string): Promise<unknown> =>
    (await rig.pushed(name)).map(({ layers, ...rest }) => ({ ...rest, layers: layers.length }));
  assert.deepEqual(await shape('image:embedded'), await shape('image:buildkit'));
  assert.deepEqual(await shape('again:buildkit'), await shape('image:buildkit'));
});

test('buildctl: each engine finds the cache that the other wrote', async (t) => {
  if (rig.skips(t)) return;
  for (const [writer, reader] of [
    ['embedded', 'buildkit'],
    ['buildkit', 'embedded'],
  ] as const) {
    const own = { ...files, 'a.txt': `${writer} ${Date.now()}`, 'more/linux-amd64': `${writer} ${Date.now()}` };
    const cache = `type=registry,ref=${rig.host}/cache:${writer}`;
    const rest = { ...options, platforms: ['linux/amd64'] };
    const first = await rig.build(writer, { dockerfile, files: own }, { ...rest, cacheTo: [`${cache},mode=max`] });
    assert.ok(first.success, first.output);
    const second = await rig.build(reader, { dockerfile, files: own }, { ...rest, cacheFrom: [cache] });
    assert.ok(second.success, second.output);
    assert.match(second.output, /cache: 2 of 2 steps were hits/);
  }
});

test('buildctl: local, tar and oci outputs are written', async (t) => {
  if (rig.skips(t)) return;
  const outputs = ['type=local,dest=out/dir', 'type=tar,dest=out/files.tar', 'type=oci,dest=out/image.tar'];
  const built = await rig.build('buildkit', { dockerfile: 'FROM scratch\nCOPY a.txt /', files }, { outputs });
  assert.ok(built.success, built.output);
  assert.equal(await readFile(join(built.workspace, 'out/dir/a.txt'), 'utf8'), 'a');
  for (const name of ['files.tar', 'image.tar']) {
    assert.ok((await readFile(join(built.workspace, 'out', name))).length > 1024);
  }
});

test('buildctl: failures have their place, and what only buildx can do is refused before the build', async (t) => {
  if (rig.skips(t)) return;
  const lost = await rig.build('buildkit', { dockerfile: 'FROM scratch\nCOPY nowhere /' }, {});
  assert.equal(lost.success, false);
  assert.match(lost.output, /error VERTEX_FAILED: \[1\/1\] COPY nowhere \/ \(.*Dockerfile:2\): .*not found/);
  const load = await rig.build('buildkit', { dockerfile: 'FROM scratch\nCOPY a.txt /', files }, { load: true });
  assert.equal(load.success, false);
  assert.match(load.output, /load: error OPTION_NOT_SUPPORTED: buildctl cannot load images into docker/);
});
