import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { formatReference } from '../oci/reference';
import { planBuild, type BuildPlan } from './build-plan';
import type { DockerBuildOptions } from './docker-build-options';
import type { Invocation } from './invocation';

async function workspace(t: TestContext, env: Invocation['env'] = {}): Promise<Invocation> {
  const workspaceRoot = await mkdtemp(join(tmpdir(), 'nxrc-workspace-'));
  t.after(() => rm(workspaceRoot, { recursive: true }));
  await mkdir(join(workspaceRoot, 'apps/api'), { recursive: true });
  await writeFile(join(workspaceRoot, 'apps/api/Dockerfile'), 'FROM scratch\n');
  return {
    workspaceRoot,
    projectName: 'api',
    projectRoot: 'apps/api',
    env,
    homeDirectory: '/home/someone',
    hostPlatform: { os: 'linux', architecture: 'amd64' },
  };
}

async function plan(options: DockerBuildOptions, invocation: Invocation): Promise<BuildPlan> {
  const result = await planBuild(options, invocation);
  assert.ok(result.ok, result.ok ? '' : JSON.stringify(result.diagnostics, undefined, 2));
  return result.plan;
}

/** Each mistake as `option CODE`, and the hints, for short. */
async function mistakes(options: DockerBuildOptions, invocation: Invocation): Promise<readonly string[]> {
  const result = await planBuild(options, invocation);
  assert.ok(!result.ok, 'the options were taken');
  return result.diagnostics.map(({ location, code }) => `${location?.file ?? ''} ${code}`);
}

async function hints(options: DockerBuildOptions, invocation: Invocation): Promise<readonly string[]> {
  const result = await planBuild(options, invocation);
  return result.ok ? [] : result.diagnostics.map(({ hint }) => hint ?? '');
}

test('without options: the workspace is the context, the Dockerfile lies in the project, the image stays local', async (t) => {
  const invocation = await workspace(t);
  const { request, engine, progress } = await plan({}, invocation);
  assert.equal(request.context, invocation.workspaceRoot);
  assert.deepEqual(request.dockerfile, {
    path: join(invocation.workspaceRoot, 'apps/api/Dockerfile'),
    text: 'FROM scratch\n',
  });
  assert.deepEqual(request.platforms, [{ os: 'linux', architecture: 'amd64' }]);
  assert.deepEqual(request.outputs, [{ type: 'image', push: false, ociMediaTypes: true }]);
  assert.deepEqual([engine, progress], ['auto', 'auto']);
});

test('every kind of option arrives in the request', async (t) => {
  const invocation = await workspace(t, { TOKEN: 'x', FROM_ENV: 'yes' });
  const { request, metadataFile, stateDirectory } = await plan(
    {
      context: 'apps',
      target: 'runtime',
      tags: ['localhost:5000/acme/api', 'localhost:5000/acme/api:latest', 'localhost:5000/acme/api:2'],
      buildArgs: ['A=1=2', 'FROM_ENV', 'UNSET'],
      buildContexts: {
        Tools: 'apps/api',
        base: 'docker-image://alpine:3',
        layout: 'oci-layout://apps:v1',
      },
      labels: { a: 1, b: true },
      annotations: { c: 'd' },
      platforms: ['linux/arm64', 'linux/arm64/v8'],
      outputs: ['type=oci,dest=out.tar,compression=zstd,compression-level=3', '"type=local","dest=a,b"'],
      push: true,
      load: true,
      secrets: ['id=token,env=TOKEN', 'id=file,src=~/.npmrc', 'id=TOKEN'],
      ssh: ['default', 'deploy=keys/a,keys/b'],
      addHosts: ['db=10.0.0.1', 'v6:[::1]'],
      ulimits: ['nofile=1024:2048', 'nproc=-1'],
      shmSize: '64m',
      noCache: ['build'],
      pull: true,
      network: 'none',
      sourceDateEpoch: '12',
      metadataFile: 'dist/meta.json',
      stateDir: '.state',
      insecureRegistries: ['registry.test'],
    },
    invocation,
  );
  const path = (relative: string): string => join(invocation.workspaceRoot, relative);
  assert.equal(request.context, path('apps'));
  assert.equal(request.target, 'runtime');
  assert.deepEqual(request.tags.map(formatReference), ['localhost:5000/acme/api:latest', 'localhost:5000/acme/api:2']);
  assert.deepEqual(request.buildArgs, { A: '1=2', FROM_ENV: 'yes' });
  assert.deepEqual(request.buildContexts['tools'], { type: 'directory', directory: path('apps/api') });
  assert.equal(request.buildContexts['base']?.type, 'image');
  assert.deepEqual(request.buildContexts['layout'], { type: 'oci-layout', directory: path('apps'), tag: 'v1' });
  assert.deepEqual([request.labels, request.annotations], [{ a: '1', b: 'true' }, { c: 'd' }]);
  assert.deepEqual(request.platforms, [{ os: 'linux', architecture: 'arm64' }]);
  assert.deepEqual(request.outputs, [
    { type: 'oci', destination: path('out.tar'), tar: true, compression: { type: 'zstd', level: 3 } },
    { type: 'local', destination: path('a,b') },
    { type: 'image', push: true, ociMediaTypes: true },
    { type: 'docker-load' },
  ]);
  assert.deepEqual(request.secrets, [
    { id: 'token', from: { env: 'TOKEN' } },
    { id: 'file', from: { file: '/home/someone/.npmrc' } },
    { id: 'TOKEN', from: { env: 'TOKEN' } },
  ]);
  assert.deepEqual(request.ssh, [
    { id: 'default', paths: [] },
    { id: 'deploy', paths: [path('keys/a'), path('keys/b')] },
  ]);
  assert.deepEqual(request.extraHosts, [
    { host: 'db', ip: '10.0.0.1' },
    { host: 'v6', ip: '::1' },
  ]);
  assert.deepEqual(request.ulimits, [
    { name: 'nofile', soft: 1024, hard: 2048 },
    { name: 'nproc', soft: -1, hard: -1 },
  ]);
  assert.deepEqual(
    [request.shmSizeBytes, request.noCache, request.pull, request.network, request.sourceDateEpoch],
    [64 * 1024 * 1024, ['build'], true, 'none', 12],
  );
  assert.deepEqual([metadataFile, stateDirectory], [path('dist/meta.json'), path('.state')]);
});

test('caches are read in order with every attribute resolved, from strings and objects alike', async (t) => {
  const { request } = await plan(
    {
      cacheFrom: ['type=registry,ref=localhost:5000/acme/cache:api', 'localhost:5000/acme/cache:main'],
      cacheTo: [{ type: 'registry', ref: 'localhost:5000/acme/cache:api', mode: 'max', compression: 'zstd' }],
    },
    await workspace(t),
  );
  assert.deepEqual(
    request.cacheFrom.map((source) => source.type === 'registry' && formatReference(source.reference)),
    ['localhost:5000/acme/cache:api', 'localhost:5000/acme/cache:main'],
  );
  const [target] = request.cacheTo;
  assert.deepEqual([target?.mode, target?.compression.type, target?.ociMediaTypes], ['max', 'zstd', true]);
});

test('every mistake is told at once, with its option and index', async (t) => {
  const found = await mistakes(
    {
      context: 'nowhere',
      file: 'apps/api',
      tags: ['ok:1', 'Not/Lower', 'a@sha256:' + '0'.repeat(64)],
      platforms: ['linux/amd64', 'x86 64'],
      platform: 'linux/amd64',
      cacheFrom: ['type=registry,ref=UPPER/Case'],
      cacheTo: ['type=registry,ref=localhost:5000/c,mode=maximum'],
      outputs: ['type=oci', 'type=tar', 'type=imagee'],
      secrets: ['src=x', 'sesame'],
      ulimits: ['nofiles=1', 'nofile=2:1'],
      addHosts: ['db=nowhere', 'gateway=host-gateway'],
      buildContexts: { x: 'https://example.com/x.git' },
      shmSize: 'big',
      engine: 'embedded',
      builder: 'mine',
      attest: ['type=provenance', 'type=sbomb'],
      provenance: 'max',
      sbom: true,
      allow: ['network.hosts', 'security.insecure'],
    },
    await workspace(t),
  );
  for (const option of [
    'context',
    'file',
    'tags[1]',
    'tags[2]',
    'platforms[1]',
    'platform',
    'cacheFrom[0]',
    'cacheTo[0]',
    'outputs[0]',
    'outputs[1]',
    'outputs[2]',
    'secrets[0]',
    'secrets[1]',
    'ulimits[0]',
    'ulimits[1]',
    'addHosts[0]',
    'buildContexts.x',
    'shmSize',
    'builder',
    'attest[1]',
    'provenance',
    'allow[0]',
  ]) {
    assert.ok(
      found.some((mistake) => mistake.startsWith(`${option} `)),
      `nothing about ${option} in ${found.join('; ')}`,
    );
  }
});

test('what the embedded engine cannot do is refused by name where it was chosen, and else left to the engine', async (t) => {
  const invocation = await workspace(t);
  const options: DockerBuildOptions = {
    attest: ['type=provenance,mode=max'],
    sbom: 'generator=x',
    allow: ['network.host', 'security.insecure'],
    addHosts: ['gateway=host-gateway'],
    platforms: ['linux/amd64', 'linux/arm64'],
    load: true,
  };
  assert.deepEqual(await mistakes({ ...options, engine: 'embedded' }, invocation), [
    'provenance OPTION_NOT_SUPPORTED',
    'sbom OPTION_NOT_SUPPORTED',
    'allow[1] OPTION_NOT_SUPPORTED',
    'addHosts[0] OPTION_NOT_SUPPORTED',
    'platforms OPTION_NOT_SUPPORTED',
  ]);
  const { request, builder } = await plan({ ...options, engine: 'buildkit', builder: 'mine' }, invocation);
  assert.equal(builder, 'mine');
  assert.deepEqual(request.attestations, [
    { type: 'provenance', attributes: { mode: 'max' } },
    { type: 'sbom', attributes: { generator: 'x' } },
  ]);
  const off = await plan({ provenance: false, attest: ['type=sbom,disabled=true'] }, invocation);
  assert.deepEqual(off.request.attestations, []);
});

test('the nearest word is the hint', async (t) => {
  const invocation = await workspace(t);
  assert.deepEqual(await hints({ outputs: ['type=registri'] }, invocation), ['did you mean "registry"?']);
  assert.deepEqual(await hints({ ulimits: ['nofil=1'] }, invocation), ['did you mean "nofile"?']);
  assert.deepEqual(await hints({ outputs: ['type=tar,dst=x', 'type=local,dest=x'] }, invocation), [
    'did you mean "dest"?',
    'standard output belongs to Nx',
  ]);
});

test('push, load and lone words mean what they do in buildx', async (t) => {
  const invocation = await workspace(t);
  const outputs = async (options: DockerBuildOptions): Promise<unknown> =>
    (await plan({ tags: ['localhost:5000/a'], ...options }, invocation)).request.outputs;
  const image = { type: 'image', push: true, ociMediaTypes: true };
  assert.deepEqual(await outputs({ outputs: ['type=registry'] }), [image]);
  assert.deepEqual(await outputs({ outputs: ['type=image,push=true'] }), [image]);
  assert.deepEqual(await outputs({ outputs: ['type=image,push=false'], push: true }), [image]);
  assert.deepEqual(await outputs({ outputs: ['type=docker'], load: true }), [{ type: 'docker-load' }]);
  assert.deepEqual(await outputs({ outputs: ['dist/files'] }), [
    { type: 'local', destination: join(invocation.workspaceRoot, 'dist/files') },
  ]);
  assert.deepEqual(
    (await plan({ outputs: ['"type=image","name=a:1,b:2"'] }, invocation)).request.tags.map(formatReference),
    ['docker.io/library/a:1', 'docker.io/library/b:2'],
  );
});

test('local state lies in the cache directory of the user', async (t) => {
  assert.equal((await plan({}, await workspace(t))).stateDirectory, '/home/someone/.cache/nx-registry-cache');
  const env = { XDG_CACHE_HOME: '/var/cache' };
  assert.equal((await plan({}, await workspace(t, env))).stateDirectory, '/var/cache/nx-registry-cache');
});

test('a secret that was written in place of its attributes is not repeated', async (t) => {
  const result = await planBuild({ secrets: ['hunter2'] }, await workspace(t));
  assert.ok(!result.ok);
  assert.doesNotMatch(JSON.stringify(result.diagnostics), /hunter2/);
});

test('an image tag that is also a cache is refused, as is a push without a tag', async (t) => {
  const invocation = await workspace(t);
  const tag = 'localhost:5000/acme/api:latest';
  assert.deepEqual(
    await mistakes({ tags: [tag], cacheTo: ['type=registry,ref=localhost:5000/acme/api'] }, invocation),
    ['cacheTo OPTION_CONFLICT'],
  );
  assert.deepEqual(await mistakes({ push: true }, invocation), ['tags OPTION_MISSING']);
});

test('a missing Dockerfile is told with its path', async (t) => {
  const invocation = { ...(await workspace(t)), projectRoot: 'apps/web' };
  assert.deepEqual(await mistakes({}, invocation), ['file OPTION_FILE_NOT_FOUND']);
});

test('a Dockerfile that is a pipe or a directory is refused, and not waited for', async (t) => {
  const invocation = await workspace(t);
  const at = (name: string): string => join(invocation.workspaceRoot, name);
  execFileSync('mkfifo', [at('pipe')]);
  await mkdir(at('directory'));
  for (const file of ['pipe', 'directory', '/dev/null']) {
    assert.deepEqual(await mistakes({ file }, invocation), ['file OPTION_FILE_NOT_FOUND'], file);
  }
});

test('places that cannot be written are told before the build', async (t) => {
  const invocation = await workspace(t);
  await writeFile(join(invocation.workspaceRoot, 'taken'), '');
  await mkdir(join(invocation.workspaceRoot, 'directory'));
  const found = await mistakes(
    {
      metadataFile: 'directory',
      imageFile: 'taken/image.json',
      stateDir: 'taken',
      cacheTo: ['type=local,dest=taken/sub'],
      outputs: [
        'type=local,dest=taken',
        'type=oci,dest=directory',
        'type=oci,tar=false,dest=taken',
        'type=tar,dest=taken/x',
      ],
    },
    invocation,
  );
  assert.deepEqual([...found].sort(), [
    'cacheTo OPTION_INVALID',
    'imageFile OPTION_INVALID',
    'metadataFile OPTION_INVALID',
    'outputs[0] OPTION_INVALID',
    'outputs[1] OPTION_INVALID',
    'outputs[2] OPTION_INVALID',
    'outputs[3] OPTION_INVALID',
    'stateDir OPTION_INVALID',
  ]);
  await plan({ metadataFile: 'new/a/b.json', imageFile: 'taken', stateDir: 'new/state' }, invocation);
});

test(
  'places below the kernel’s file systems are refused',
  { skip: process.platform !== 'linux' && 'needs /proc' },
  async (t) => {
    const invocation = await workspace(t);
    const found = await mistakes({ stateDir: '/proc/nothing/here', metadataFile: '/proc/nothing/here' }, invocation);
    assert.deepEqual([...found].sort(), ['metadataFile OPTION_INVALID', 'stateDir OPTION_INVALID']);
  },
);

test(
  'places without the right to write are refused',
  { skip: process.getuid?.() === 0 && 'root may write everywhere' },
  async (t) => {
    const invocation = await workspace(t);
    await mkdir(join(invocation.workspaceRoot, 'locked'), { mode: 0o555 });
    assert.deepEqual(await mistakes({ stateDir: 'locked/state' }, invocation), ['stateDir OPTION_INVALID']);
  },
);

test('cache is a repository, and what goes with it needs it', async (t) => {
  const invocation = await workspace(t);
  const { stageRefs, explain } = await plan(
    { cache: 'ghcr.io/acme/cache', verify: 'blobs', explain: true, outputs: ['type=image,compression=zstd'] },
    invocation,
  );
  assert.ok(stageRefs && explain);
  assert.deepEqual([stageRefs.reads[0].repository, stageRefs.verify, stageRefs.dryRun], ['acme/cache', 'blobs', false]);
  assert.deepEqual(stageRefs.compression, { type: 'zstd' });
  assert.equal((await plan({}, invocation)).stageRefs, undefined);
  assert.deepEqual(await mistakes({ dryRun: true, explain: true }, invocation), [
    'explain OPTION_MISSING',
    'dryRun OPTION_MISSING',
  ]);
  assert.deepEqual(await mistakes({ cache: 'ghcr.io/acme/cache:main' }, invocation), ['cache OPTION_INVALID']);
  assert.deepEqual(await mistakes({ cache: 'Not A Repository' }, invocation), ['cache OPTION_INVALID']);
  const verify = 'blob' as 'blobs';
  assert.deepEqual(await hints({ cache: 'ghcr.io/acme/cache', verify }, invocation), ['did you mean "blobs"?']);
});

test('mistakes in the Dockerfile stand beside those in options, unless BuildKit is to read it', async (t) => {
  const invocation = await workspace(t);
  const file = join(invocation.workspaceRoot, 'Dockerfile.wrong');
  await writeFile(file, 'FROM scratch\nEXPOSE http\nCOPY alone\n');
  const wrong = { file: 'Dockerfile.wrong', shmSize: 'huge' };
  assert.deepEqual(await mistakes(wrong, invocation), [
    'shmSize OPTION_INVALID',
    `${file} DOCKERFILE_PORT`,
    `${file} DOCKERFILE_ARGUMENTS`,
  ]);
  assert.deepEqual(await mistakes({ ...wrong, engine: 'buildkit' }, invocation), ['shmSize OPTION_INVALID']);
});
