import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseImageManifest } from '../oci/manifest';
import { parseReference, type Reference } from '../oci/reference';
import type { StageRefSettings } from './contract';
import { startRig, twoStages } from './testing/start-rig';

/** Refs in another repository. */
function onlyIn(repository: Reference): Pick<StageRefSettings, 'reads' | 'writes'> {
  return { reads: [repository], writes: repository };
}

function withoutKeys(tags: readonly string[]): readonly string[] {
  return tags.map((tag) => tag.replace(/[0-9a-f]{32}/, 'KEY')).sort();
}

/** Only requests that neither move a layer nor write anything. */
function onlyReads(requests: Readonly<Record<string, number>>): boolean {
  return Object.keys(requests).every((kind) => /^(?:HEAD|GET) manifest$|^HEAD blob$/.test(kind));
}

test('an unchanged build is two requests on a machine that knows nothing', async (t) => {
  const r = await startRig(t);
  const first = await r.build(twoStages);
  assert.equal(first.stageRefs?.outcome, 'built');
  assert.equal(r.engineBuilds, 1);
  assert.deepEqual(withoutKeys(await r.tags()), ['app-KEY', 'app-KEY-image', 'deps-KEY', 'inputs-KEY']);
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

test('a changed source builds its stage upon the ref of the one below, and says which file it was', async (t) => {
  const r = await startRig(t);
  await r.build(twoStages);
  await r.write({ 'src/main.js': 'two', 'src/new.js': 'new', 'src/lib.js': undefined });
  const { stageRefs, steps } = await r.build(twoStages, { machine: 'b' });
  const [deps, app] = stageRefs?.stages ?? [];
  assert.deepEqual([deps?.state, deps?.needed, deps?.causes], ['present', true, []]);
  assert.equal(app?.state, 'missing');
  assert.deepEqual(
    app.causes.map((cause) => cause.kind === 'file' && `${cause.path} ${cause.change} line ${cause.line}`),
    ['src/lib.js removed line 4', 'src/main.js content line 4', 'src/new.js added line 4'],
  );
  const outcomes = new Map(steps.map(({ name, outcome }) => [name, outcome]));
  assert.equal(outcomes.get('[deps 1/1] COPY package.json /'), 'hit');
  assert.equal(outcomes.get('[app 1/1] COPY src /src'), 'executed');
  assert.equal((await r.tags()).filter((tag) => tag.startsWith('deps-')).length, 1);
  const asked = r.registry.log.filter(({ target }) => /manifests\/deps-/.test(target) && !/token/.test(target));
  assert.deepEqual(
    asked.filter(({ headers }) => headers.authorization !== undefined).map(({ method }) => method),
    ['HEAD', 'GET'],
    'looked for, and imported',
  );
});

test('other metadata puts the image together from layers that are there, moving none', async (t) => {
  const r = await startRig(t);
  const first = await r.build(twoStages);
  const labelled = await r.build(`${twoStages}\nCMD ["/src/main.js"]`, {
    machine: 'b',
    request: { labels: { version: '2' } },
  });
  assert.equal(labelled.stageRefs?.served, 'assembled');
  assert.deepEqual(
    labelled.stageRefs.stages.map(({ needed, stage }) => [stage, needed]),
    [
      ['deps', false],
      ['app', true],
    ],
  );
  assert.equal(r.engineBuilds, 0);
  assert.notEqual(labelled.image?.digest, first.image?.digest);
  assert.equal(r.requests()['GET blob'], 2, 'the cache config and the inputs of the earlier build');
  const store = r.registry.repository('acme/app');
  const [one, two] = await Promise.all(
    [first, labelled].map(async ({ image }) => {
      const stored = await store.getManifest(image?.digest ?? '');
      return stored && parseImageManifest(stored.bytes).layers;
    }),
  );
  assert.deepEqual(two, one);
  const again = await r.build(`${twoStages}\nCMD ["/src/main.js"]`, {
    machine: 'c',
    request: { labels: { version: '2' } },
  });
  assert.equal(again.stageRefs?.served, 'in-place');
  assert.equal(again.image?.digest, labelled.image?.digest);
});

test('an image that was put together is the one that a build would have given', async (t) => {
  const r = await startRig(t);
  await r.build(twoStages);
  const request = { labels: { version: '2' } };
  const assembled = await r.build(twoStages, { machine: 'b', request });
  const other = onlyIn(parseReference(`${r.registry.host}/acme/other`));
  const location = `${r.registry.host}/acme/cache:${(await r.tags()).find((tag) => /^app-\w+$/.test(tag))}`;
  const cacheFrom = [{ type: 'registry', reference: parseReference(location), insecure: false, location } as const];
  const outputs = [{ type: 'image', push: true, ociMediaTypes: true, forceCompression: true } as const];
  const built = await r.build(twoStages, {
    machine: 'c',
    request: { ...request, cacheFrom, outputs },
    settings: other,
  });
  assert.equal(built.stageRefs?.outcome, 'built');
  assert.equal(built.image?.digest, assembled.image?.digest);
});

test('a new tag is put by one request in the same repository, and by mounts in another', async (t) => {
  const r = await startRig(t);
  const first = await r.build(twoStages);
  const tags = [parseReference(`${r.registry.host}/acme/app:next`)];
  const next = await r.build(twoStages, { machine: 'b', request: { tags } });
  assert.equal(next.stageRefs?.served, 'tagged');
  assert.deepEqual(r.requests(), { 'GET manifest': 1, 'HEAD manifest': 2, 'PUT manifest': 1 });
  const elsewhere = [parseReference(`${r.registry.host}/acme/copy:1`)];
  const copied = await r.build(twoStages, { machine: 'b', request: { tags: elsewhere } });
  assert.equal(copied.image?.digest, first.image?.digest);
  assert.equal(r.requests()['GET blob'], undefined);
  assert.equal(r.requests()['PUT blob'], undefined);
  const placed = await r.registry.repository('acme/copy').resolve('1');
  assert.equal(placed?.digest, first.image?.digest);
});

test('a cache under one tag, as BuildKit exports it, serves the image without a builder', async (t) => {
  const r = await startRig(t);
  await r.pushBase('1');
  const dockerfile = [`FROM ${r.base('1')} AS deps`, 'COPY package.json /', 'FROM scratch', 'COPY --from=deps / /'];
  const text = [...dockerfile, 'COPY src /src'].join('\n');
  const location = `${r.registry.host}/acme/old:cache`;
  const destination = { type: 'registry', reference: parseReference(location), insecure: false, location } as const;
  const cacheTo = [
    {
      destination,
      mode: 'max',
      ociMediaTypes: true,
      imageManifest: true,
      compression: { type: 'gzip' },
      forceCompression: false,
      ignoreError: false,
    } as const,
  ];
  const first = await r.build(text, { request: { cacheTo }, settings: { writes: undefined } });
  assert.deepEqual(await r.tags(), []);
  const request = { cacheFrom: [destination], tags: [parseReference(`${r.registry.host}/acme/fresh:1`)] };
  const found = await r.build(text, { machine: 'b', request });
  assert.equal(found.stageRefs?.served, 'assembled');
  assert.equal(r.engineBuilds, 0);
  assert.equal(found.image?.digest, first.image?.digest);
  assert.equal(r.requests()['PUT blob'], 3, 'the config of the image, and what explains the next miss');
  // Its tag is the one that the next build asks for: beside the base image, only it and the image's own.
  const next = await r.build(text, { machine: 'c', request });
  assert.equal(next.stageRefs?.served, 'in-place');
  assert.deepEqual(r.requests(), { 'GET manifest': 1, 'HEAD manifest': 2 });
});

test('what the registry has lost is built again, and its refs are whole afterwards', async (t) => {
  const r = await startRig(t);
  await r.build(twoStages);
  const store = r.registry.repository('acme/cache');
  const tag = (await r.tags()).find((each) => each.endsWith('-image')) ?? '';
  const image = await store.getManifest(tag);
  assert.ok(image);
  const [, lost] = parseImageManifest(image.bytes).layers;
  assert.ok(lost && (await store.deleteBlob(lost)));
  const { stageRefs } = await r.build(twoStages, { machine: 'b', settings: { verify: 'blobs' } });
  assert.equal(stageRefs?.outcome, 'built');
  assert.deepEqual(stageRefs.stages[1]?.causes, [{ kind: 'blob-gone' }]);
  assert.equal(await store.has(lost), true);
  const whole = await r.build(twoStages, { machine: 'c', settings: { verify: 'blobs' } });
  assert.equal(whole.stageRefs?.outcome, 'hit');
});

test('an image that turns out to be broken when a new tag is put is built again', async (t) => {
  const r = await startRig(t);
  await r.build(twoStages);
  const store = r.registry.repository('acme/app');
  const image = await store.getManifest('latest');
  const [, lost] = image ? parseImageManifest(image.bytes).layers : [];
  assert.ok(lost);
  const tags = [parseReference(`${r.registry.host}/acme/app:next`)];
  // What only the repository of the tag has lost, is mounted from the cache.
  await store.deleteBlob(lost);
  const mounted = await r.build(twoStages, { machine: 'b', request: { tags } });
  assert.equal(mounted.stageRefs?.served, 'tagged');
  assert.equal(await store.has(lost), true);

  for (const repository of ['acme/app', 'acme/cache']) await r.registry.repository(repository).deleteBlob(lost);
  const last = [parseReference(`${r.registry.host}/acme/app:last`)];
  const built = await r.build(twoStages, { machine: 'b', request: { tags: last } });
  assert.equal(built.stageRefs?.outcome, 'built');
  assert.deepEqual(
    built.warnings.filter(({ code }) => code === 'STAGE_REFS_UNUSABLE'),
    [],
  );
  assert.equal(await store.has(lost), true);
});

test('a layer that no step needs may be lost: the cache is written without it, and whoever needs it builds it', async (t) => {
  const r = await startRig(t);
  const apart = ['FROM scratch AS deps', 'COPY package.json /', 'FROM scratch AS app', 'COPY --from=deps / /app/'];
  const dockerfile = [...apart, 'COPY src /src'].join('\n');
  const reference = parseReference(`${r.registry.host}/acme/cache:branch`);
  const branch = { type: 'registry', reference, insecure: false, location: 'branch' } as const;
  const form = { mode: 'max', ociMediaTypes: true, imageManifest: true, compression: { type: 'gzip' } } as const;
  const cacheTo = [{ destination: branch, ...form, forceCompression: false, ignoreError: false }];
  await r.build(dockerfile, { request: { cacheTo } });
  const store = r.registry.repository('acme/cache');
  const deps = (await r.tags()).find((tag) => tag.startsWith('deps-')) ?? '';
  const layers = async (tag: string) => parseImageManifest((await store.getManifest(tag))!.bytes).layers;
  const [lost] = await layers(deps);
  assert.ok(lost && (await store.deleteBlob(lost)));

  await r.write({ 'src/main.js': 'two' });
  const request = { cacheTo, cacheFrom: [branch] };
  const { stageRefs } = await r.build(dockerfile, { machine: 'b', request });
  assert.equal(stageRefs?.outcome, 'built');
  assert.equal(r.warnings.filter((text) => text.startsWith('CACHE_LAYER_LOST')).length, 1, r.warnings.join('\n'));
  assert.ok((await layers('branch')).every(({ digest }) => digest !== lost.digest));

  const moved = dockerfile.replace('/app/', '/moved/');
  await r.build(moved, { machine: 'c', request });
  assert.equal(await store.has(lost), true, 'the ref of the stage was not repaired');
});

test('a dry run tells the plan, and neither builds nor writes', async (t) => {
  const r = await startRig(t);
  await r.build(twoStages);
  await r.write({ 'src/main.js': 'two' });
  const settings = { dryRun: true };
  const { stageRefs, image } = await r.build(twoStages, { machine: 'b', settings });
  assert.equal(stageRefs?.outcome, 'dry-run');
  assert.equal(image, undefined);
  assert.equal(r.engineBuilds, 0);
  assert.deepEqual(
    stageRefs.stages.map(({ stage, state, bytes }) => [stage, state, (bytes ?? 0) > 0]),
    [
      ['deps', 'present', true],
      ['app', 'missing', false],
    ],
  );
  assert.deepEqual(Object.keys(r.requests()).sort(), ['GET blob', 'GET manifest', 'HEAD manifest']);
  await r.write({ 'src/main.js': 'one' });
  const unchanged = await r.build(twoStages, { machine: 'b', settings });
  assert.equal(unchanged.stageRefs?.served, 'in-place');
  assert.ok(onlyReads(r.requests()));
});

test('without the right to write, refs are read and left alone', async (t) => {
  const r = await startRig(t);
  const built = await r.build(twoStages, { settings: { writes: undefined } });
  assert.equal(built.stageRefs?.outcome, 'built');
  assert.deepEqual(await r.tags(), []);
  await r.build(twoStages);
  const { stageRefs } = await r.build(twoStages, { machine: 'b', settings: { writes: undefined } });
  assert.equal(stageRefs?.outcome, 'hit');
});

test('times, modes but the executable one, and the order of writing do not count; that one does', async (t) => {
  const r = await startRig(t);
  await r.build(twoStages);
  await r.write({ 'src/lib.js': 'lib', 'src/main.js': 'one', 'package.json': '{}' }, 0o600);
  await r.touch('src/main.js', new Date(0));
  assert.equal((await r.build(twoStages, { machine: 'b' })).stageRefs?.outcome, 'hit');
  await r.write({ 'src/main.js': 'one' }, 0o755);
  const { stageRefs } = await r.build(twoStages, { machine: 'b' });
  assert.deepEqual(
    stageRefs?.stages[1]?.causes.map((cause) => cause.kind === 'file' && `${cause.path} ${cause.change}`),
    ['src/main.js mode'],
  );
});

test('arguments count where they are declared, whoever else is given', async (t) => {
  const r = await startRig(t);
  const dockerfile = 'FROM scratch\nARG VERSION\nCOPY src /src-$VERSION\nLABEL version=$VERSION';
  const build = (buildArgs: Readonly<Record<string, string>>, machine: string) =>
    r.build(dockerfile, { machine, request: { buildArgs } });
  await build({ VERSION: '1', COMMIT: 'abc' }, 'a');
  assert.equal((await build({ VERSION: '1', COMMIT: 'def' }, 'b')).stageRefs?.served, 'in-place');
  assert.equal((await build({ VERSION: '2' }, 'b')).stageRefs?.outcome, 'built');
});

test('a cache repository that cannot be reached is one warning, and the build goes on', async (t) => {
  const r = await startRig(t);
  const settings = onlyIn(parseReference('127.0.0.1:1/acme/cache'));
  const { image } = await r.build(twoStages, { settings });
  assert.ok(image);
  assert.equal(r.warnings.filter((text) => text.startsWith('STAGE_REFS_UNUSABLE')).length, 1);
});

test('noCache builds although everything is there', async (t) => {
  const r = await startRig(t);
  await r.build(twoStages);
  const store = r.registry.repository('acme/cache');
  const digests = async () =>
    Promise.all((await r.tags()).filter((tag) => !tag.startsWith('inputs')).map((tag) => store.resolve(tag)));
  const before = await digests();
  const { stageRefs, steps } = await r.build(twoStages, { request: { noCache: true } });
  assert.equal(stageRefs?.outcome, 'built');
  assert.ok(steps.filter(({ stage }) => stage !== undefined).every(({ outcome }) => outcome === 'executed'));
  assert.deepEqual(await digests(), before, 'what is there is not written again');
});

test('an abort is no reason to go on without refs', async (t) => {
  const r = await startRig(t);
  await assert.rejects(r.build(twoStages, { signal: AbortSignal.abort(new Error('stop')) }), /stop/);
  assert.deepEqual(r.warnings, []);
});

test('mistakes of the build are told as ever, without a word on refs', async (t) => {
  const r = await startRig(t);
  await assert.rejects(r.build('FROM scratch\nCOPY nothing /'), { code: 'VERTEX_FAILED' });
  await assert.rejects(r.build('FROM scratch\nCOPYY a b'), { code: 'BUILD_INPUT_INVALID' });
  await assert.rejects(r.build(`FROM ${r.base('none')}\nCOPY src /`), { code: 'BASE_IMAGE_UNRESOLVED' });
  assert.deepEqual(r.warnings, []);
});

test('what only this machine knows gets its refs without being built again', async (t) => {
  const r = await startRig(t);
  const text = ['FROM scratch AS deps', 'COPY package.json /', 'FROM scratch AS app', 'COPY --from=deps / /app/'].join(
    '\n',
  );
  await r.build(text, { settings: { writes: undefined } });
  const { steps } = await r.build(text);
  assert.ok(steps.filter(({ stage }) => stage !== undefined).every(({ outcome }) => outcome !== 'executed'));
  assert.deepEqual(withoutKeys(await r.tags()), ['app-KEY', 'app-KEY-image', 'deps-KEY', 'inputs-KEY']);
  const { stageRefs } = await r.build(`${text}\nCMD ["x"]`, { machine: 'b' });
  assert.equal(stageRefs?.served, 'assembled');
});

test('layers that stages have in common go up once, and the image takes them by mounts', async (t) => {
  const r = await startRig(t);
  await r.build(twoStages);
  const requests = r.requests();
  // Two layers, two cache configs, the inputs with their config, and the image's config, which the other repository mounts.
  assert.equal(requests['PUT blob'], 7);
});

test('a stage below that has lost a layer is built again when it is needed, and repaired', async (t) => {
  const r = await startRig(t);
  const text = ['FROM scratch AS deps', 'COPY package.json /', 'FROM scratch AS app', 'COPY --from=deps / /app/'].join(
    '\n',
  );
  await r.build(text);
  const store = r.registry.repository('acme/cache');
  const tag = (await r.tags()).find((each) => each.startsWith('deps-')) ?? '';
  const deps = await store.getManifest(tag);
  const [lost] = deps ? parseImageManifest(deps.bytes).layers : [];
  assert.ok(lost && (await store.deleteBlob(lost)));
  await r.build(`${text}\nCOPY src /src`, { machine: 'b' });
  assert.ok(r.warnings.some((warning) => warning.startsWith('CACHED_RESULT_UNUSABLE')));
  const repaired = await store.getManifest(tag);
  const layers = repaired ? parseImageManifest(repaired.bytes).layers : [];
  assert.deepEqual(await Promise.all(layers.map((layer) => store.has(layer))), [true]);
});

test('the ref of a stage has the layers of its own steps, and not those of stages that it copies from', async (t) => {
  const r = await startRig(t);
  const text = ['FROM scratch AS deps', 'COPY package.json /', 'FROM scratch AS app', 'COPY --from=deps / /x/'];
  await r.build([...text, 'COPY src /src'].join('\n'));
  const store = r.registry.repository('acme/cache');
  for (const [stage, count] of [
    ['deps', 1],
    ['app', 2],
  ] as const) {
    const tag = (await r.tags()).find((each) => new RegExp(`^${stage}-\\w+$`).test(each)) ?? '';
    const stored = await store.getManifest(tag);
    assert.equal(stored && parseImageManifest(stored.bytes).layers.length, count, stage);
  }
});

test('what a URL gives is downloaded once in a build', async (t) => {
  const r = await startRig(t);
  let downloads = 0;
  const server = createServer((_, response) => {
    downloads++;
    response.end('text');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const dockerfile = `FROM scratch\nADD http://127.0.0.1:${port}/file /file`;
  const { stageRefs } = await r.build(dockerfile);
  assert.equal(stageRefs?.outcome, 'built');
  assert.equal(downloads, 1);
  const again = await r.build(dockerfile, { machine: 'b' });
  assert.equal(again.stageRefs?.served, 'in-place');
  assert.equal(downloads, 2);
});

test('outputs that need bytes are built, upon the refs', async (t) => {
  const r = await startRig(t);
  await r.build(twoStages);
  const destination = join(r.context, '../out');
  const { steps } = await r.build(twoStages, { machine: 'b', request: { outputs: [{ type: 'local', destination }] } });
  assert.equal(r.engineBuilds, 1);
  assert.ok(steps.filter(({ stage }) => stage !== undefined).every(({ outcome }) => outcome !== 'executed'));
  assert.equal(await readFile(join(destination, 'src/main.js'), 'utf8'), 'one');
});
