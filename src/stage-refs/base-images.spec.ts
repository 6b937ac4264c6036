import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseImageManifest } from '../oci/manifest';
import { startRig } from './testing/start-rig';

test('a base image costs one request by tag and none by digest', async (t) => {
  const r = await startRig(t);
  const digest = await r.pushBase('1');
  for (const [base, heads] of [
    [r.base('1'), 2],
    [`${r.base('1')}@${digest}`, 1],
  ] as const) {
    const dockerfile = `FROM ${base}\nCOPY src /src`;
    await r.build(dockerfile);
    const { stageRefs } = await r.build(dockerfile, { machine: 'b' });
    assert.equal(stageRefs?.outcome, 'hit');
    assert.deepEqual(r.requests(), { 'GET manifest': 1, 'HEAD manifest': heads });
  }
});

test('a new manifest under the tag of a base image is a miss that names it', async (t) => {
  const r = await startRig(t);
  const before = await r.pushBase('1');
  const dockerfile = `FROM ${r.base('1')}\nCOPY src /src`;
  await r.build(dockerfile);
  const after = await r.pushBase('1', { Env: ['A=b'] });
  const { stageRefs } = await r.build(dockerfile, { machine: 'b' });
  assert.equal(stageRefs?.outcome, 'built');
  assert.deepEqual(stageRefs.stages[0]?.causes, [{ kind: 'base-image', image: r.base('1'), before, after }]);
});

test('what is built stands on the base image that it was looked for with, and the tag is asked once', async (t) => {
  const r = await startRig(t);
  const before = await r.pushBase('1');
  const dockerfile = `FROM ${r.base('1')}\nCOPY src /src`;
  let after: string | undefined;
  await r.build(dockerfile, { beforeEngine: async () => (after = await r.pushBase('1', { Env: ['A=b'] })) });
  assert.notEqual(after, before);
  const asked = r.registry.log.filter(
    ({ kind, headers, target }) =>
      kind === 'HEAD manifest' && headers.authorization !== undefined && target.endsWith('/acme/base/manifests/1'),
  );
  assert.equal(asked.length, 1);
  const fresh = await r.build(dockerfile, { machine: 'b' });
  assert.equal(fresh.stageRefs?.outcome, 'built');
  await r.pushBase('1');
  const earlier = await r.build(dockerfile, { machine: 'c' });
  assert.equal(earlier.stageRefs?.outcome, 'hit');
  const store = r.registry.repository('acme/app');
  const stored = await store.getManifest(earlier.image?.digest ?? '');
  assert.ok(stored);
  const chunks: Buffer[] = [];
  for await (const chunk of await store.open(parseImageManifest(stored.bytes).config)) chunks.push(chunk as Buffer);
  assert.doesNotMatch(Buffer.concat(chunks).toString(), /A=b/);
});

test('a base image that decides what is copied is never served by a key that does not know it', async (t) => {
  const r = await startRig(t);
  await r.write({ 'a/file': 'a', 'b/file': 'b' });
  for (const config of [{ OnBuild: ['COPY a /a'] }, { Env: ['DIR=a'] }]) {
    const digest = await r.pushBase('odd', config);
    // Without the image's variables, this looks like a copy of b.
    const dockerfile = `FROM ${r.base('odd')}@${digest}\nCOPY \${DIR:-b} package.json /x/`;
    await r.write({ 'a/file': 'a' });
    const first = await r.build(dockerfile);
    const same = await r.build(dockerfile, { machine: 'b' });
    assert.equal(same.stageRefs?.outcome, 'hit', JSON.stringify(config));
    assert.equal(same.image?.digest, first.image?.digest);
    await r.write({ 'a/file': 'changed' });
    const changed = await r.build(dockerfile, { machine: 'c' });
    assert.equal(changed.stageRefs?.outcome, 'built', JSON.stringify(config));
  }
});
