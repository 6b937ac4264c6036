import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildRig } from './testing/build-rig';

const twoStages = ['FROM scratch AS deps', 'COPY package.json /', 'FROM deps AS app', 'COPY src /src'].join('\n');

async function rig(t: { after: (task: () => Promise<void>) => void }): Promise<BuildRig> {
  const started = await BuildRig.start();
  t.after(() => started[Symbol.asyncDispose]());
  await started.write({ 'package.json': '{}', 'src/main.js': 'one', 'src/lib.js': 'lib' });
  return started;
}

test('an unchanged build is two requests on a machine that knows nothing', async (t) => {
  const r = await rig(t);
  const first = await r.build(twoStages);
  assert.equal(first.stageRefs?.outcome, 'built');
  assert.equal(r.engineBuilds, 1);
  assert.deepEqual(
    (await r.tags()).map((tag) => tag.replace(/[0-9a-f]{32}/, 'KEY')),
    ['app-KEY', 'app-KEY-image', 'deps-KEY', 'inputs-KEY'],
  );
  const second = await r.build(twoStages, { machine: 'b' });
  assert.equal(second.stageRefs?.outcome, 'hit');
  assert.equal(second.stageRefs.served, 'in-place');
  assert.equal(second.image?.digest, first.image?.digest);
  assert.equal(r.engineBuilds, 0);
  assert.deepEqual(r.requests(), { 'GET manifest': 1, 'HEAD manifest': 1 });
  const trusting = await r.build(twoStages, { machine: 'b', settings: { verify: 'none' } });
  assert.equal(trusting.image?.digest, first.image?.digest);
  assert.deepEqual(r.requests(), { 'HEAD manifest': 2 });
});
