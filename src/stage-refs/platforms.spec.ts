import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseImageIndex } from '../oci/manifest';
import { parseReference } from '../oci/reference';
import { BuildRig } from './testing/build-rig';

const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64' };
const both = { platforms: [amd64, arm64] };

const dockerfile = [
  'FROM scratch AS deps',
  'COPY package.json /',
  'FROM deps AS app',
  'ARG TARGETARCH',
  'COPY src/$TARGETARCH /src',
].join('\n');

async function rig(t: { after: (task: () => Promise<void>) => void }): Promise<BuildRig> {
  const started = await BuildRig.start();
  t.after(() => started[Symbol.asyncDispose]());
  await started.write({ 'package.json': '{}', 'src/amd64/main': 'amd', 'src/arm64/main': 'arm' });
  return started;
}

async function refs(r: BuildRig, pattern: RegExp): Promise<readonly string[]> {
  return (await r.tags()).filter((tag) => pattern.test(tag));
}

test('an unchanged image of several platforms is one request for each, and one for the tag', async (t) => {
  const r = await rig(t);
  const first = await r.build(dockerfile, { request: both });
  assert.equal(first.stageRefs?.outcome, 'built');
  assert.deepEqual(
    first.stageRefs.stages.map(({ platform, stage }) => `${stage} ${platform}`),
    ['deps linux/amd64', 'app linux/amd64', 'deps linux/arm64', 'app linux/arm64'],
  );
  assert.equal((await refs(r, /^app-[0-9a-f]+$/)).length, 2);
  assert.equal((await refs(r, /-image$/)).length, 2);

  const second = await r.build(dockerfile, { machine: 'b', request: both });
  assert.equal(second.stageRefs?.served, 'in-place');
  assert.equal(second.image?.digest, first.image?.digest);
  assert.equal(r.engineBuilds, 0);
  assert.deepEqual(r.requests(), { 'GET manifest': 2, 'HEAD manifest': 1 });
  assert.deepEqual(Object.keys(second.stageRefs.imageRefs ?? {}), ['linux/amd64', 'linux/arm64']);
  const trusting = await r.build(dockerfile, { machine: 'b', request: both, settings: { verify: 'none' } });
  assert.equal(trusting.image?.digest, first.image?.digest);
});

test('images that were built one by one are joined under an index, and no layer moves', async (t) => {
  const r = await rig(t);
  const one = await r.build(dockerfile, { request: { platforms: [amd64] } });
  const other = await r.build(dockerfile, { machine: 'b', request: { platforms: [arm64] } });
  const tags = [parseReference(`${r.registry.host}/acme/joined:1`)];
  const joined = await r.build(dockerfile, { machine: 'c', request: { ...both, tags } });
  assert.equal(joined.stageRefs?.served, 'tagged');
  assert.equal(r.engineBuilds, 0);
  assert.equal(r.requests()['PUT blob'], undefined);
  const store = r.registry.repository('acme/joined');
  const stored = await store.getManifest('1');
  assert.ok(stored);
  assert.equal(stored.descriptor.digest, joined.image?.digest);
  const index = parseImageIndex(stored.bytes);
  assert.deepEqual(
    index.manifests.map(({ digest, platform }) => [digest, platform?.architecture]),
    [
      [one.image?.digest, 'amd64'],
      [other.image?.digest, 'arm64'],
    ],
  );
  for (const { digest } of index.manifests) assert.ok(await store.getManifest(digest));
});

test('a platform whose image is not there is put together, or built upon its refs', async (t) => {
  const r = await rig(t);
  await r.build(dockerfile, { request: both });
  const labels = { version: '2' };
  await r.build(dockerfile, { request: { platforms: [amd64], labels } });
  const assembled = await r.build(dockerfile, { machine: 'b', request: { ...both, labels } });
  assert.equal(assembled.stageRefs?.served, 'assembled');
  assert.equal(r.engineBuilds, 0);

  await r.write({ 'src/arm64/main': 'changed' });
  const built = await r.build(dockerfile, { machine: 'c', request: both });
  assert.equal(built.stageRefs?.outcome, 'built');
  assert.deepEqual(
    built.stageRefs.stages.map(({ platform, stage, state }) => `${stage} ${platform} ${state}`),
    ['deps linux/amd64 present', 'app linux/amd64 present', 'deps linux/arm64 present', 'app linux/arm64 missing'],
  );
  const executed = built.steps.filter(({ outcome, stage }) => outcome === 'executed' && stage !== undefined);
  assert.equal(executed.length, 1, executed.map(({ name }) => name).join(', '));
  assert.equal((await refs(r, /^app-[0-9a-f]+$/)).length, 3);
  const again = await r.build(dockerfile, { machine: 'd', request: both });
  assert.equal(again.stageRefs?.served, 'in-place');
});

test('a blob that one platform has lost is built again', async (t) => {
  const r = await rig(t);
  await r.build(dockerfile, { request: both });
  const store = r.registry.repository('acme/cache');
  const image = await store.getManifest((await refs(r, /-image$/))[0] ?? '');
  const config = image && (JSON.parse(image.bytes.toString()) as { config: Parameters<typeof store.deleteBlob>[0] });
  assert.ok(config && (await store.deleteBlob(config.config)));
  const settings = { verify: 'blobs' } as const;
  await r.build(dockerfile, { machine: 'b', request: both, settings });
  assert.ok(await store.has(config.config));
  const whole = await r.build(dockerfile, { machine: 'c', request: both, settings });
  assert.equal(whole.stageRefs?.served, 'in-place');
});

test('a dry run of several platforms tells the plan of each', async (t) => {
  const r = await rig(t);
  await r.build(dockerfile, { request: { platforms: [amd64] } });
  const { stageRefs } = await r.build(dockerfile, { machine: 'b', request: both, settings: { dryRun: true } });
  assert.equal(stageRefs?.outcome, 'dry-run');
  assert.equal(r.engineBuilds, 0);
  assert.deepEqual(
    stageRefs.stages.filter(({ stage }) => stage === 'app').map(({ platform, state }) => `${platform} ${state}`),
    ['linux/amd64 present', 'linux/arm64 missing'],
  );
});
