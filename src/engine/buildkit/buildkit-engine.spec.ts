import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readCacheTargets } from '../../cache/attributes';
import { isCodedError } from '../../diagnostics/coded-error';
import { digestOf } from '../../oci/digest';
import { parseReference } from '../../oci/reference';
import type { ProgressEvent } from '../../progress/event';
import { createEngine } from '../create-engine';
import { BuildKitEngine } from './buildkit-engine';
import { exportedStages, withNamedStages } from './stage-targets';
import { requestOf } from '../testing/build-request';
import { builderRules, FakeDocker, type FakeRule } from './testing/fake-docker';

const base = requestOf({
  context: '/work',
  dockerfile: { path: '/work/app/Dockerfile', text: 'FROM scratch\nCOPY a /\n' },
  platforms: [{ os: 'linux', architecture: 'amd64' }],
  outputs: [{ type: 'image', push: false, ociMediaTypes: true }],
});

const cacheTo = readCacheTargets(
  ['type=registry,ref=localhost:5000/c:1,mode=max,compression=zstd,compression-level=9'],
  {
    option: 'cacheTo',
    workingDirectory: '/',
  },
).targets;

async function fake(t: TestContext, rules: readonly FakeRule[], names?: readonly string[]): Promise<FakeDocker> {
  const docker = await FakeDocker.create(rules, names);
  t.after(() => docker[Symbol.asyncDispose]());
  return docker;
}

function sink(): { readonly events: ProgressEvent[]; readonly progress: (event: ProgressEvent) => void } {
  const events: ProgressEvent[] = [];
  return { events, progress: (event) => void events.push(event) };
}

const bake: FakeRule = { args: ['buildx', 'bake'] };

interface BakeFile {
  readonly group: { readonly default: { readonly targets: readonly string[] } };
  readonly target: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

test('every option is in the bake, and texts are no templates', async (t) => {
  const docker = await fake(t, [...builderRules('docker-container'), bake]);
  const engine = new BuildKitEngine({ env: { ...docker.env, TOKEN: 'x' }, builder: 'mine' });
  const [target] = cacheTo;
  assert.ok(target?.destination.type === 'registry');
  await engine.build(
    {
      ...base,
      target: 'two',
      buildArgs: { A: '${b} %{c}' },
      buildContexts: {
        dir: { type: 'directory', directory: '/more' },
        base: { type: 'image', reference: parseReference('alpine:3') },
        layout: { type: 'oci-layout', directory: '/layout', tag: 'v1' },
      },
      platforms: [...base.platforms, { os: 'linux', architecture: 'arm64' }],
      tags: [parseReference('registry.test/a:1')],
      labels: { 'l${x}': '1' },
      annotations: { an: 'x', 'a:b': 'c' },
      placedAnnotations: [
        { place: 'index', key: 'in', value: 'y=z' },
        { place: 'manifest', platform: { os: 'linux', architecture: 'arm64' }, key: 'an', value: 'w' },
      ],
      cacheFrom: [target.destination],
      cacheTo,
      outputs: [
        { type: 'image', push: true, ociMediaTypes: false, compression: { type: 'gzip', level: 3 } },
        { type: 'oci', destination: '/tmp/nxrc-none/a,b.tar', tar: true },
        { type: 'docker-load' },
      ],
      attestations: [{ type: 'provenance', attributes: { mode: 'max' } }],
      allow: ['security.insecure'],
      secrets: [
        { id: 's', from: { env: 'TOKEN' } },
        { id: 'f', from: { file: '/f' } },
      ],
      ssh: [
        { id: 'default', paths: [] },
        { id: 'k', paths: ['/a', '/b'] },
      ],
      network: 'host',
      extraHosts: [{ host: 'db', ip: '10.0.0.1' }],
      ulimits: [{ name: 'nofile', soft: 1, hard: 2 }],
      shmSizeBytes: 64,
      noCache: ['one'],
      pull: true,
      sourceDateEpoch: 12,
      insecureRegistries: ['registry.test'],
    },
    sink(),
  );
  const call = (await docker.calls()).at(-1);
  assert.ok(call?.definition !== undefined);
  assert.deepEqual(call.args.slice(0, 4), ['buildx', '--builder=mine', 'bake', '--progress=rawjson']);
  assert.deepEqual(call.args.slice(-3), ['--allow=security.insecure', '--allow=network.host', 'default']);
  assert.deepEqual(call.env, { TOKEN: 'x', BUILDX_NO_DEFAULT_ATTESTATIONS: '1', BUILDX_BAKE_ENTITLEMENTS_FS: '0' });
  const { group, target: targets } = JSON.parse(call.definition) as BakeFile;
  assert.deepEqual(group.default.targets, ['nxrc-image']);
  assert.deepEqual(targets['nxrc-image'], {
    context: '/work',
    dockerfile: '/work/app/Dockerfile',
    target: 'two',
    args: { A: '$${b} %%{c}', SOURCE_DATE_EPOCH: '12' },
    contexts: { dir: '/more', base: 'docker-image://docker.io/library/alpine:3', layout: 'oci-layout:///layout:v1' },
    tags: ['registry.test/a:1'],
    labels: { 'l$${x}': '1' },
    annotations: ['an=x', 'manifest:a:b=c', 'index:in=y=z', 'manifest[linux/arm64]:an=w'],
    platforms: ['linux/amd64', 'linux/arm64'],
    'cache-from': ['type=registry,ref=localhost:5000/c:1'],
    'cache-to': [
      'type=registry,ref=localhost:5000/c:1,mode=max,oci-mediatypes=true,image-manifest=true,compression=zstd,compression-level=9',
    ],
    output: [
      'type=image,push=true,oci-mediatypes=false,compression=gzip,compression-level=3,registry.insecure=true,rewrite-timestamp=true',
      'type=oci,"dest=/tmp/nxrc-none/a,b.tar",rewrite-timestamp=true',
      'type=docker',
    ],
    secret: ['id=s,env=TOKEN', 'id=f,src=/f'],
    ssh: ['default', 'k=/a,/b'],
    network: 'host',
    'no-cache-filter': ['one'],
    pull: true,
    'extra-hosts': { db: '10.0.0.1' },
    ulimits: ['nofile=1:2'],
    'shm-size': '64',
    attest: ['type=provenance,mode=max'],
    entitlements: ['security.insecure', 'network.host'],
  });
});

test('stages with caches of their own are targets of the same bake', async (t) => {
  const docker = await fake(t, [...builderRules('docker-container'), bake]);
  const [target] = cacheTo;
  assert.ok(target?.destination.type === 'registry');
  const stored = { ...target, destination: target.destination };
  const stageCaches = [
    { stage: 1, target: stored, state: 'missing' },
    { stage: 0, target: stored, state: 'exists' },
    { stage: 2, target: stored, state: 'missing' },
  ] as const;
  const text = 'FROM scratch\nCOPY a /\nFROM scratch AS One\nCOPY a /\nFROM one\nCOPY b /';
  const dockerfile = { ...base.dockerfile, text };
  await new BuildKitEngine({ env: docker.env }).build({ ...base, dockerfile, target: 'one', stageCaches }, sink());
  const { group, target: targets } = JSON.parse((await docker.calls()).at(-1)?.definition ?? '') as BakeFile;
  assert.deepEqual(group.default.targets, ['nxrc-image', 'nxrc-stage-1', 'nxrc-stage-2']);
  assert.deepEqual(
    group.default.targets.map((name) => targets[name]?.['target']),
    ['one', 'one', undefined],
  );
  assert.deepEqual(targets['nxrc-stage-1']?.['output'], ['type=cacheonly']);
});

test('a stage without a name gets one in a copy of the Dockerfile, as BuildKit builds no stage by its number', async (t) => {
  const [target] = cacheTo;
  assert.ok(target?.destination.type === 'registry');
  const stored = { ...target, destination: target.destination };
  const directory = await mkdtemp(join(tmpdir(), 'nxrc-stages-'));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'app.Dockerfile');
  await writeFile(`${path}.dockerignore`, 'b');
  const stages = ['# check', 'FROM \\', '  scratch', 'COPY a /', 'FROM stage-0 AS named', 'FROM scratch AS twice'];
  const text = [...stages, 'COPY a /', 'FROM scratch AS twice', 'COPY --from=0 / /'].join('\n');
  const copies = join(directory, 'copies');
  await mkdir(copies);
  const caches = [0, 2, 3].map((stage) => ({ stage, target: stored, state: 'missing' as const }));
  const request = { ...base, dockerfile: { path, text }, stageCaches: caches };
  const named = await withNamedStages(request, copies);
  assert.equal(named.dockerfile.path, join(copies, 'app.Dockerfile'));
  assert.equal(named.dockerfile.text, text.replace('FROM \\\n  scratch', 'FROM   scratch AS stage-0-\n'));
  assert.equal(await readFile(join(copies, 'app.Dockerfile'), 'utf8'), named.dockerfile.text);
  assert.equal(await readFile(join(copies, 'app.Dockerfile.dockerignore'), 'utf8'), 'b');
  assert.deepEqual(
    exportedStages(named).map(({ cache }) => cache.stage),
    [0, 3],
    'of two stages of one name, the last is found',
  );
  const exists = caches.map((cache) => ({ ...cache, state: 'exists' as const }));
  assert.equal((await withNamedStages({ ...request, stageCaches: exists }, copies)).dockerfile.path, path);
});

test('each platform has targets of its own, and what their names point at is told', async (t) => {
  const digest = `sha256:${'1'.repeat(64)}`;
  const pushed = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 5 };
  const metadata = {
    'nxrc-image': { 'containerimage.digest': `sha256:${'2'.repeat(64)}` },
    'nxrc-ref-linux-arm64': { 'containerimage.digest': digest, 'containerimage.descriptor': pushed },
  };
  const bake: FakeRule = { args: ['buildx', 'bake'], metadata };
  const docker = await fake(t, [...builderRules('docker-container'), bake]);
  const [target] = cacheTo;
  assert.ok(target?.destination.type === 'registry');
  const stored = { ...target, destination: target.destination };
  const arm64 = { os: 'linux', architecture: 'arm64' };
  const platforms = [{ os: 'linux', architecture: 'amd64' }, arm64];
  const stageCaches = platforms.map((platform) => ({ stage: 1, platform, target: stored, state: 'missing' as const }));
  const reference = parseReference('r.test/acme/cache:app-1-image');
  const dockerfile = { ...base.dockerfile, text: 'FROM scratch AS one\nCOPY a /\nFROM one\nCOPY b /' };
  const imageRefs = [{ reference, platform: arm64, state: 'missing' as const }];
  const request = { ...base, dockerfile, platforms, stageCaches, imageRefs };
  const outcome = await new BuildKitEngine({ env: docker.env }).build(request, sink());
  const { group, target: targets } = JSON.parse((await docker.calls()).at(-1)?.definition ?? '') as BakeFile;
  assert.deepEqual(group.default.targets, [
    'nxrc-image',
    'nxrc-stage-1-linux-amd64',
    'nxrc-stage-1-linux-arm64',
    'nxrc-ref-linux-arm64',
  ]);
  assert.deepEqual(
    group.default.targets.map((name) => targets[name]?.['platforms']),
    [['linux/amd64', 'linux/arm64'], ['linux/amd64'], ['linux/arm64'], ['linux/arm64']],
  );
  assert.deepEqual(targets['nxrc-ref-linux-arm64']?.['tags'], ['r.test/acme/cache:app-1-image']);
  assert.deepEqual(outcome.imageRefs, [{ reference, manifest: pushed }]);
});

test('what bake has no word for goes through buildx build', async (t) => {
  const docker = await fake(t, [...builderRules('docker-container'), { args: ['buildx', 'build'] }]);
  await new BuildKitEngine({ env: docker.env }).build({ ...base, cgroupParent: 'group' }, sink());
  const args = (await docker.calls()).at(-1)?.args ?? [];
  assert.ok(args.includes('--cgroup-parent=group') && args.at(-1) === '/work', args.join(' '));
});

test('without buildx, buildctl builds with BUILDKIT_HOST', async (t) => {
  const rules: FakeRule[] = [
    { args: ['--addr=tcp://b:1', 'debug', 'workers'] },
    { args: ['--addr=tcp://b:1', 'build'] },
  ];
  const docker = await fake(t, rules, ['buildctl']);
  const engine = await createEngine({
    choice: 'auto',
    env: { ...docker.env, BUILDKIT_HOST: 'tcp://b:1' },
    stateDirectory: '/nowhere',
  });
  assert.equal(engine.name, 'buildkit');
  await engine.build({ ...base, target: 'x', buildArgs: { A: 'b' }, noCache: true, cacheTo }, sink());
  const args = (await docker.calls()).at(-1)?.args ?? [];
  for (const arg of [
    ...['--local=context=/work', '--local=dockerfile=/work/app', '--opt=filename=Dockerfile', '--opt=target=x'],
    ...['--opt=build-arg:A=b', '--opt=no-cache=', '--output=type=image,push=false,oci-mediatypes=true'],
  ]) {
    assert.ok(args.includes(arg), `${arg} is not in ${args.join(' ')}`);
  }
  await assert.rejects(engine.build({ ...base, outputs: [{ type: 'docker-load' }] }, sink()), (error) =>
    isCodedError(error, 'BUILD_INPUT_INVALID'),
  );
});

test('a driver that cannot export caches is refused with both ways out, before anything is built', async (t) => {
  const docker = await fake(t, [...builderRules('docker'), bake]);
  const engine = new BuildKitEngine({ env: docker.env });
  await assert.rejects(engine.build({ ...base, cacheTo }, sink()), (error) => {
    assert.ok(isCodedError(error, 'BUILDKIT_DRIVER'));
    assert.match(error.hint ?? '', /docker buildx create --use --driver=docker-container.*containerd-snapshotter/);
    return true;
  });
  assert.ok((await docker.calls()).every(({ args }) => !args.includes('bake')));
  await engine.build(base, sink());
});

test('auto takes BuildKit where a builder answers that can export caches, else the embedded engine', async (t) => {
  const choose = async (rules: readonly FakeRule[], builder?: string): Promise<string> => {
    const docker = await fake(t, rules);
    const named = builder === undefined ? {} : { builder };
    return (await createEngine({ choice: 'auto', env: docker.env, stateDirectory: '/nowhere', ...named })).name;
  };
  assert.equal(await choose(builderRules('docker', { containerdStore: true })), 'buildkit');
  assert.equal(await choose(builderRules('remote')), 'buildkit');
  assert.equal(await choose(builderRules('docker')), 'embedded');
  assert.equal(await choose(builderRules('docker-container', { status: 'stopped' })), 'embedded');
  assert.equal(await choose([]), 'embedded');
  await assert.rejects(choose(builderRules('remote', { status: 'stopped' }), 'mine'), (error) =>
    isCodedError(error, 'BUILDKIT_UNAVAILABLE'),
  );
});

const a = digestOf('a');
const b = digestOf('b');
const c = digestOf('c');
const time = (second: number): string => `2026-01-01T00:00:0${second}.5Z`;
const text64 = (text: string): string => Buffer.from(text).toString('base64');

const recorded: NonNullable<FakeRule['stderr']> = [
  { vertexes: [{ digest: c, name: '[app 2/2] RUN make', inputs: [b] }] },
  { vertexes: [{ digest: a, name: 'importing cache manifest from localhost:5000/c:1', started: time(0) }] },
  {
    vertexes: [
      {
        digest: a,
        name: 'importing cache manifest from localhost:5000/c:1',
        started: time(0),
        completed: time(1),
        error: 'localhost:5000/c:1: not found',
      },
      {
        digest: b,
        name: '[app 1/2] FROM docker.io/library/alpine',
        started: time(1),
        completed: time(1),
        cached: true,
      },
    ],
    statuses: [
      {
        id: digestOf('layer'),
        vertex: b,
        name: 'downloading',
        current: 70,
        total: 70,
        timestamp: time(1),
        started: time(1),
        completed: time(1),
      },
    ],
    warnings: [{ vertex: b, short: text64('StageNameCasing: bad case (line 1)'), detail: [text64('use lower case')] }],
  },
  'buildx says something else',
  {
    vertexes: [{ digest: c, name: '[app 2/2] RUN make', inputs: [b], started: time(2) }],
    logs: [{ vertex: c, stream: 2, data: text64('no rule\n'), timestamp: time(3) }],
  },
];

test('progress, hits, bytes, warnings and metadata come through', async (t) => {
  const metadata = {
    'nxrc-image': {
      'containerimage.digest': digestOf('image'),
      'containerimage.descriptor': {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest: digestOf('image'),
        size: 9,
      },
      'cache.manifest': JSON.stringify({ mediaType: 'm', digest: digestOf('cache'), size: 3 }),
    },
  };
  const done = {
    vertexes: [{ digest: c, name: '[app 2/2] RUN make', inputs: [b], started: time(2), completed: time(4) }],
  };
  const docker = await fake(t, [...builderRules('remote'), { ...bake, stderr: [...recorded, done], metadata }]);
  const { events, progress } = sink();
  const outcome = await new BuildKitEngine({ env: docker.env }).build({ ...base, cacheTo }, { progress });
  assert.deepEqual(
    outcome.steps.map(({ name, stage, outcome: how, bytes, durationMs }) => [name, stage, how, bytes, durationMs]),
    [
      ['[app 1/2] FROM docker.io/library/alpine', 'app', 'hit', 70, 0],
      ['[app 2/2] RUN make', 'app', 'executed', 0, 2000],
    ],
  );
  assert.deepEqual(
    outcome.warnings.map(({ code, message, hint }) => [code, message, hint]),
    [
      ['CACHE_MISSING', 'cache localhost:5000/c:1: there is none yet; the build goes on without it', undefined],
      ['DOCKERFILE_STAGE_NAME_CASING', 'bad case (line 1)', 'use lower case'],
    ],
  );
  assert.deepEqual(outcome.image?.digest, digestOf('image'));
  assert.deepEqual(outcome.cacheExports[0]?.manifest, { mediaType: 'm', digest: digestOf('cache'), size: 3 });
  assert.ok(events.some((event) => event.kind === 'log' && event.data.toString() === 'no rule\n'));
  assert.ok(events.every((event) => event.kind !== 'vertex' || event.error === undefined));
});

test('a step that fails is told with its exit code, line and the end of its output', async (t) => {
  const error = 'process "/bin/sh -c make" did not complete successfully: exit code: 2';
  const stderr = [
    ...recorded,
    { vertexes: [{ digest: c, name: '[app 2/2] RUN make', started: time(2), completed: time(4), error }] },
    ...['Dockerfile:7', '--------------------', '   7 | >>> RUN make', '--------------------', `ERROR: ${error}`],
  ];
  const docker = await fake(t, [...builderRules('remote'), { ...bake, stderr, exitCode: 1 }]);
  await assert.rejects(new BuildKitEngine({ env: docker.env }).build(base, sink()), (failure) => {
    assert.ok(isCodedError(failure, 'VERTEX_FAILED'));
    assert.deepEqual([failure.detail.stage, failure.detail.line], ['app', 7]);
    assert.match(failure.message, /RUN make \(\/work\/app\/Dockerfile:7\): the command .* exit code 2\nno rule$/);
    assert.ok(isCodedError(failure.cause, 'STEP_FAILED') && failure.cause.detail.exitCode === 2);
    return true;
  });
});

test('other failures are told in the words of BuildKit, those of a cache export as such', async (t) => {
  const codeOf = async (stderr: FakeRule['stderr']): Promise<string> => {
    const docker = await fake(t, [...builderRules('remote'), { ...bake, stderr: stderr ?? [], exitCode: 1 }]);
    const error: unknown = await new BuildKitEngine({ env: docker.env }).build(base, sink()).catch((e: unknown) => e);
    assert.ok(isCodedError(error));
    return `${error.code}: ${error.message}`;
  };
  assert.match(await codeOf(['ERROR: no space left']), /^BUILDKIT_FAILED: BuildKit: no space left$/);
  const name = 'exporting cache to registry';
  const vertex = { digest: a, name, started: time(0), completed: time(1), error: 'denied' };
  assert.match(await codeOf([{ vertexes: [vertex] }]), /^CACHE_EXPORT_FAILED: .*denied/);
});

for (const hang of ['wait', 'ignore'] as const) {
  test(`an abort reaches the builder (${hang})`, async (t) => {
    const docker = await fake(t, [...builderRules('remote'), { ...bake, stderr: recorded, hang }]);
    const abort = new AbortController();
    const engine = new BuildKitEngine({ env: docker.env, graceMs: 200 });
    const build = engine.build(base, {
      signal: abort.signal,
      progress: (event) => {
        if (event.kind === 'log') setTimeout(() => abort.abort(new Error('stop it')), 300);
      },
    });
    await assert.rejects(build, /stop it/);
    assert.equal((await docker.calls()).at(-1)?.interrupted, true);
  });
}
