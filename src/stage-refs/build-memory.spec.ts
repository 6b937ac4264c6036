import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStore } from '../content/memory-store';
import type { BuildRequest } from '../engine/contract';
import { requestOf } from '../engine/testing/build-request';
import { parseReference } from '../oci/reference';
import { tagsOf } from '../testing/content-store-contract';
import { BuildMemory, type RememberedBuild } from './build-memory';
import { readList } from './inputs-store';
import type { StageKey } from './stage-tags';

const home = parseReference('registry.example/acme/cache');

function request(changes: Partial<BuildRequest> = {}): BuildRequest {
  return requestOf({
    context: '/workspace',
    dockerfile: { path: '/workspace/Dockerfile', text: '' },
    platforms: [{ os: 'linux', architecture: 'amd64' }],
    ...changes,
  });
}

function build(name: string, more: Partial<RememberedBuild> = {}): RememberedBuild {
  const stage = { stage: name, key: '0'.repeat(32) as StageKey, images: {}, stages: {}, args: {}, instructions: [] };
  return { stages: [stage], createdAtMs: Date.UTC(2026, 0, 2), image: `${name}-image`, ...more };
}

/** Images of the builds that are listed, newest first. */
async function listed(store: MemoryStore): Promise<readonly (string | undefined)[]> {
  const [tag = ''] = await tagsOf(store);
  const layers = await readList(store, tag, {});
  return layers.map(({ annotations }) => annotations?.['vnd.nx-registry-cache.image']);
}

test('of builds that write the list at the same time, each is listed by the time it ends', async () => {
  const store = new MemoryStore();
  const places = [{ reference: home, store }];
  const [one, two] = [new BuildMemory(request(), places, home), new BuildMemory(request(), places, home)];
  await Promise.all([one.builds({}), two.builds({})]);
  await one.remember(build('one'), {});
  await two.remember(build('two'), {});
  assert.deepEqual(await listed(store), ['two-image']);
  await two.confirm(build('two'), {});
  await one.confirm(build('one'), {});
  assert.deepEqual(await listed(store), ['one-image', 'two-image']);
  await one.confirm(build('one'), {});
  assert.deepEqual(await listed(store), ['one-image', 'two-image']);
});

test('images of the same inputs are listed each, once', async () => {
  const store = new MemoryStore();
  const memory = new BuildMemory(request(), [{ reference: home, store }], home);
  for (const image of ['a', 'b', 'a']) {
    await memory.builds({});
    await memory.remember(build('app', { image }), {});
  }
  assert.deepEqual(await listed(store), ['a', 'b']);
  // What they were made from is compared once.
  assert.equal((await memory.builds({})).length, 1);
});

test('targets whose images have different names have lists of their own', async () => {
  const store = new MemoryStore();
  for (const name of ['api', 'web']) {
    const tags = [parseReference(`registry.example/acme/${name}:1`)];
    const memory = new BuildMemory(request({ tags }), [{ reference: home, store }], home);
    assert.deepEqual(await memory.builds({}), []);
    await memory.remember(build(name), {});
  }
  assert.equal((await tagsOf(store)).length, 2);
});

test('what may not write keeps nothing', async () => {
  const store = new MemoryStore();
  const memory = new BuildMemory(request(), [{ reference: home, store }], undefined);
  await memory.builds({});
  await memory.remember(build('one'), {});
  await memory.confirm(build('one'), {});
  assert.deepEqual(await tagsOf(store), []);
});
