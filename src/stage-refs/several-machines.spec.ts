import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReference } from '../oci/reference';
import { startRig, twoStages } from './testing/start-rig';

test('two apps with an equal stage build and store it once', async (t) => {
  const r = await startRig(t);
  await r.build(twoStages);
  const before = (await r.tags()).filter((tag) => tag.startsWith('deps-'));
  await r.write({ 'web/index.html': 'hello' });
  const web = ['FROM scratch AS deps', 'COPY package.json /', 'FROM deps AS web', 'COPY web /web'].join('\n');
  const tags = [parseReference(`${r.registry.host}/acme/web:latest`)];
  const { steps } = await r.build(web, { machine: 'b', request: { tags } });
  assert.equal(steps.find(({ stage }) => stage === 'deps')?.outcome, 'hit');
  assert.deepEqual(
    (await r.tags()).filter((tag) => tag.startsWith('deps-')),
    before,
  );
});

test('two machines that build at the same moment both succeed, and leave what a third one finds', async (t) => {
  const r = await startRig(t);
  const built = await Promise.all(['a', 'b'].map((machine) => r.build(twoStages, { machine })));
  assert.deepEqual(
    built.map(({ stageRefs }) => stageRefs?.outcome),
    ['built', 'built'],
  );
  const third = await r.build(twoStages, { machine: 'c' });
  assert.equal(third.stageRefs?.outcome, 'hit');
  assert.equal((await r.tags()).length, 4);
  assert.deepEqual(
    r.warnings.filter((text) => !text.startsWith('CACHE_MISSING')),
    [],
  );
});

test('who comes second with an image goes on from the first one', async (t) => {
  const r = await startRig(t);
  let first: Awaited<ReturnType<typeof r.build>> | undefined;
  const second = await r.build(twoStages, {
    machine: 'b',
    beforeEngine: async () => (first = await r.build(twoStages)),
  });
  assert.equal(second.stageRefs?.outcome, 'built');
  assert.ok(first?.image);
  assert.deepEqual(second.image?.digest, first.image.digest);
  assert.equal((await r.registry.repository('acme/app').resolve('latest'))?.digest, first.image.digest);
  const third = await r.build(twoStages, { machine: 'c' });
  assert.equal(third.stageRefs?.served, 'in-place');
});

test('a laptop finds an image by two requests where a trusted build made it, by three where it made it itself', async (t) => {
  const r = await startRig(t);
  await r.build(twoStages);
  const own = r.place('acme/cache-untrusted');
  const settings = { reads: [r.place(), own], writes: own, isTrusted: false, ignoreError: true } as const;
  const trusted = await r.build(twoStages, { machine: 'laptop', settings });
  assert.equal(trusted.stageRefs?.served, 'in-place');
  assert.deepEqual(r.requests(), { 'GET manifest': 1, 'HEAD manifest': 1 });

  await r.write({ 'src/main.js': 'two' });
  const first = await r.build(twoStages, { machine: 'laptop', settings });
  assert.equal(first.stageRefs?.outcome, 'built');
  const second = await r.build(twoStages, { machine: 'laptop', settings });
  assert.equal(second.stageRefs?.served, 'in-place');
  assert.deepEqual(r.requests(), { 'GET manifest': 2, 'HEAD manifest': 1 });
});
