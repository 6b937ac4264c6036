import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { ContentStore } from '../../content/contract';
import type { Descriptor } from '../../oci/descriptor';
import { digestOf } from '../../oci/digest';
import { serializeManifest, type Manifest } from '../../oci/manifest';
import { mediaTypes } from '../../oci/media-types';
import { BuildRig } from '../testing/build-rig';
import { writtenAtAnnotation } from '../written-at';
import type { PruneReport, PruneRules } from './contract';
import { prune, type PruneOptions } from './prune';

const dayMs = 86_400_000;
const dockerfile = 'FROM scratch AS deps\nCOPY package.json /\nFROM deps AS app\nCOPY src /src';
const rules: PruneRules = { keepMs: 14 * dayMs, graceMs: 3_600_000, keepBuilds: 1, keepTags: [], keepScopes: [] };

/** Four versions of one app, a month between them; one stage is that of all. */
async function rig(t: { after: (task: () => Promise<void>) => void }): Promise<BuildRig> {
  const r = await BuildRig.start();
  t.after(() => r[Symbol.asyncDispose]());
  await r.write({ 'package.json': '{}' });
  for (const version of ['1', '2', '3', '4']) {
    await r.write({ 'src/main.js': version });
    await r.build(dockerfile);
    r.nowMs += 30 * dayMs;
  }
  r.registry.clearLog();
  return r;
}

function run(r: BuildRig, options: Partial<PruneOptions> = {}, store?: ContentStore): Promise<PruneReport> {
  return prune(store ?? r.registry.repository('acme/cache'), {
    rules,
    apply: true,
    now: () => r.nowMs,
    host: 'registry.example',
    ...options,
  });
}

/** How many tags had each outcome. */
function outcomes({ tags }: PruneReport): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { keep, outcome } of tags) {
    const name = keep ? 'kept' : (outcome?.kind ?? 'none');
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** The repository, with something that happens before its tags are listed for the second time. */
function meanwhile(store: ContentStore, event: () => Promise<unknown>): ContentStore {
  let listings = 0;
  return new Proxy(store, {
    get: (target, name) => {
      if (name !== 'tags') {
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      }
      return async function* (...args: Parameters<ContentStore['tags']>) {
        if (++listings === 2) await event();
        yield* target.tags(...args);
      };
    },
  });
}

const allDeletes = { on: 'DELETE manifest', times: 100 } as const;

test('a dry run says what would go and asks for nothing but to read', async (t) => {
  const r = await rig(t);
  const before = await r.tags();
  const report = await run(r, { apply: false });
  assert.deepEqual(outcomes(report), { kept: 4, planned: 6 });
  assert.ok(report.freedBytes > 0 && report.keptBytes > 0);
  assert.ok(Object.keys(r.registry.count()).every((kind) => /^(?:GET|HEAD) |^token$/.test(kind)));
  assert.deepEqual(await r.tags(), before);
});

test('after a prune the latest build is a hit without a builder, and the next one finds its stages', async (t) => {
  const r = await rig(t);
  const planned = await run(r, { apply: false });
  const report = await run(r);
  assert.deepEqual(outcomes(report), { kept: 4, deleted: 6 });
  assert.deepEqual([report.freedBytes, report.keptBytes], [planned.freedBytes, planned.keptBytes]);
  assert.equal((await r.tags()).length, 4);

  const hit = await r.build(dockerfile, { machine: 'b' });
  assert.deepEqual([hit.stageRefs?.outcome, hit.stageRefs?.served, r.engineBuilds], ['hit', 'in-place', 0]);
  const checked = await r.build(dockerfile, { machine: 'c', settings: { verify: 'blobs' } });
  assert.equal(checked.stageRefs?.outcome, 'hit');

  await r.write({ 'src/main.js': '5' });
  const next = await r.build(dockerfile, { machine: 'd' });
  assert.deepEqual(
    next.stageRefs?.stages.map(({ stage, state }) => [stage, state]),
    [
      ['deps', 'present'],
      ['app', 'missing'],
    ],
  );
  // What went is a miss, and nothing worse.
  await r.write({ 'src/main.js': '1' });
  const gone = await r.build(dockerfile, { machine: 'e' });
  assert.equal(gone.stageRefs?.outcome, 'built');
  assert.deepEqual(r.warnings, []);
});

test('an image that was put together of old layers is new', async (t) => {
  const r = await rig(t);
  const { image, stageRefs } = await r.build(dockerfile, { request: { labels: { a: 'b' } } });
  assert.equal(stageRefs?.served, 'assembled');
  // The list is lost, as when two builds write it at once; its next build is another one.
  await r.write({ 'src/main.js': '5' });
  await r.build(dockerfile);
  const report = await run(r);
  const found = report.tags.find(({ facts }) => facts.digest === image?.digest);
  assert.equal(found?.keep?.kind, 'recent');
});

test('targets are given up when that is asked for', async (t) => {
  const r = await rig(t);
  const report = await run(r, { rules: { ...rules, dropTargetsAfterMs: 20 * dayMs } });
  assert.deepEqual(outcomes(report), { deleted: 10 });
  assert.deepEqual(await r.tags(), []);
});

test('a tag that appears meanwhile keeps its manifest, and what is written anew stays', async (t) => {
  const r = await rig(t);
  const store = r.registry.repository('acme/cache');
  const doomed = (await run(r, { apply: false })).tags.filter(({ keep }) => !keep).map(({ facts }) => facts);
  const [first, second] = doomed.filter(({ kind }) => kind === 'image');
  assert.ok(first && second);
  const late = `other-${'0'.repeat(32)}-image`;
  const report = await run(
    r,
    {},
    meanwhile(store, async () => {
      for (const [from, tag] of [
        [first, late],
        [first, second.tag],
      ] as const) {
        const stored = await store.getManifest(from.digest);
        assert.ok(stored);
        await store.putManifest({ mediaType: stored.descriptor.mediaType, bytes: stored.bytes }, { tag });
      }
    }),
  );
  const outcomeOf = (tag: string) => report.tags.find(({ facts }) => facts.tag === tag)?.outcome?.kind;
  assert.deepEqual([outcomeOf(first.tag), outcomeOf(second.tag)], ['untagged', 'changed']);
  assert.equal((await store.resolve(late))?.digest, first.digest);
});

test('a build that begins meanwhile keeps what it counts on', async (t) => {
  const r = await rig(t);
  const store = r.registry.repository('acme/cache');
  await r.write({ 'src/main.js': '1' });
  const label = { request: { labels: { a: 'b' } } };
  const report = await run(
    r,
    {},
    meanwhile(store, () => r.build(dockerfile, label)),
  );
  assert.ok(report.tags.some(({ facts, outcome }) => facts.kind === 'stage' && outcome?.kind === 'changed'));
  const again = await r.build(dockerfile, { machine: 'b', ...label });
  assert.equal(again.stageRefs?.outcome, 'hit');
});

test('a registry that refuses is asked once, and the report says what to do instead', async (t) => {
  const r = await rig(t);
  r.registry.addFaults({ ...allDeletes, kind: 'status', status: 405 });
  const report = await run(r, { host: 'ghcr.io' });
  assert.deepEqual(outcomes(report), { kept: 4, refused: 6 });
  assert.equal(r.registry.count()['DELETE manifest'], 1);
  assert.match(report.remedy ?? '', /Packages API/);
  assert.equal(report.freedBytes, 0);
});

test('a registry that does not find what it has is one that refuses', async (t) => {
  const r = await rig(t);
  r.registry.addFaults({ ...allDeletes, kind: 'status', status: 404 });
  const report = await run(r, { host: '1.dkr.ecr.eu-west-1.amazonaws.com' });
  assert.deepEqual(outcomes(report), { kept: 4, refused: 6 });
  assert.match(report.remedy ?? '', /batch-delete-image/);
});

test('where tags have to go first, they do', async (t) => {
  const r = await rig(t);
  const body = JSON.stringify({ errors: [{ code: 'GOOGLE_MANIFEST_DANGLING_TAG', message: 'tagged' }] });
  r.registry.addFaults({ on: 'DELETE manifest', kind: 'status', status: 400, body });
  assert.deepEqual(outcomes(await run(r)), { kept: 4, deleted: 6 });
});

test('what goes wrong with one tag is told, and the rest goes', async (t) => {
  const r = await rig(t);
  r.registry.addFaults({ on: 'DELETE manifest', after: 1, kind: 'status', status: 409 });
  const report = await run(r);
  assert.deepEqual(outcomes(report), { kept: 4, deleted: 5, failed: 1 });
  assert.equal(report.remedy, undefined);
});

test('a repository that cannot be read is not touched', async (t) => {
  const r = await rig(t);
  r.registry.addFaults({ on: 'GET manifest', after: 3, times: 100, kind: 'status', status: 503 });
  await assert.rejects(run(r), { code: 'REGISTRY_RESPONSE' });
  assert.equal(r.registry.count()['DELETE manifest'], undefined);
});

/** A manifest of nothing but its name, under its digest and, if given, a tag. */
async function put(
  store: ContentStore,
  name: string,
  more: { readonly tag?: string; readonly children?: readonly Descriptor[]; readonly subject?: Descriptor } = {},
): Promise<Descriptor> {
  const { children, subject, tag } = more;
  const bytes = Buffer.from('{}');
  const config = { mediaType: mediaTypes.ociEmpty, digest: digestOf(bytes), size: bytes.length };
  await store.put(config, () => Promise.resolve(Readable.from([bytes])));
  const common = { annotations: { name, [writtenAtAnnotation]: '2020-01-01T00:00:00Z' }, ...(subject && { subject }) };
  const manifest: Manifest = children
    ? { kind: 'index', mediaType: mediaTypes.ociIndex, manifests: children, ...common }
    : { kind: 'manifest', mediaType: mediaTypes.ociManifest, config, layers: [], ...common };
  const written = { mediaType: manifest.mediaType, bytes: serializeManifest(manifest) };
  return store.putManifest(written, tag === undefined ? {} : { tag });
}

test('what an index lists goes with the last index that lists it, and stays as long as one does', async (t) => {
  const r = await BuildRig.start();
  t.after(() => r[Symbol.asyncDispose]());
  r.nowMs = Date.UTC(2026, 8, 1);
  const store = r.registry.repository('acme/cache');
  const [own, both, deep, kept] = [
    await put(store, 'own'),
    await put(store, 'both'),
    await put(store, 'deep'),
    await put(store, 'kept'),
  ];
  const nested = await put(store, 'nested', { children: [deep] });
  const name = (text: string): string => `app-${digestOf(text).slice(7, 39)}-image`;
  await put(store, 'a', { tag: name('a'), children: [own, both, nested] });
  await put(store, 'b', { tag: name('b'), children: [both, kept] });
  await put(store, 'release', { tag: 'release', children: [kept] });
  assert.deepEqual(outcomes(await run(r)), { deleted: 2, kept: 1 });
  const left = await Promise.all([own, both, deep, nested, kept].map(({ digest }) => store.resolve(digest)));
  assert.deepEqual(
    left.map((each) => each?.digest),
    [undefined, undefined, undefined, undefined, kept.digest],
  );
});

test('what something that stays is about stays, without its tag', async (t) => {
  const r = await BuildRig.start();
  t.after(() => r[Symbol.asyncDispose]());
  r.nowMs = Date.UTC(2026, 8, 1);
  const store = r.registry.repository('acme/cache');
  const subject = await put(store, 'image', { tag: `app-${digestOf('a').slice(7, 39)}-image` });
  await put(store, 'about it', { tag: 'report', subject });
  assert.deepEqual(outcomes(await run(r)), { kept: 1, untagged: 1 });
  assert.equal((await store.resolve(subject.digest))?.digest, subject.digest);
});

test('a registry that deletes no single tag keeps one that costs nothing, and that is no failure', async (t) => {
  const r = await BuildRig.start();
  t.after(() => r[Symbol.asyncDispose]());
  r.nowMs = Date.UTC(2026, 8, 1);
  const store = r.registry.repository('acme/cache');
  const name = (word: string): string => `${word}-${digestOf(word).slice(7, 39)}-image`;
  for (const tag of [name('first'), 'release']) await put(store, 'image', { tag });
  await put(store, 'other', { tag: name('second') });
  r.registry.addFaults({ on: 'DELETE manifest', kind: 'status', status: 405 });
  assert.deepEqual(outcomes(await run(r)), { kept: 1, shared: 1, deleted: 1 });
});

test('an abort ends it', async (t) => {
  const r = await rig(t);
  const controller = new AbortController();
  const onProgress: PruneOptions['onProgress'] = (part) => {
    if (part === 'delete') controller.abort(new Error('enough'));
  };
  await assert.rejects(run(r, { signal: controller.signal, onProgress }), /enough/);
  assert.equal(r.registry.count()['DELETE manifest'], 1);
});
