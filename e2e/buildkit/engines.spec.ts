import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { createEngine } from '../../src/engine/create-engine';
import { RegistryStores } from '../../src/engine/embedded/registry-stores';
import { runBuild } from '../../src/executors/docker-build/run-build';
import { parseImageIndex, parseImageManifest } from '../../src/oci/manifest';
import { isIndex } from '../../src/oci/media-types';
import { parseImageConfig } from '../../src/oci/parse-image-config';
import { formatPlatform } from '../../src/oci/platform';
import { parseReference } from '../../src/oci/reference';
import { startRegistryServer, type RegistryServer } from '../../src/registry-server/server';
import type { DockerBuildOptions } from '../../src/workspace/docker-build-options';
import { openDocker, type DockerEnvironment } from './docker-env';

type EngineName = 'embedded' | 'buildkit';

let docker: DockerEnvironment | string;
let registry: RegistryServer;
let stores: RegistryStores;
let root: string;
let builds = 0;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'nxrc-engines-'));
  registry = await startRegistryServer({ root: join(root, 'registry') });
  stores = await RegistryStores.open({ env: {}, homeDirectory: root, insecure: [], now: Date.now });
  docker = await openDocker();
});

after(async () => {
  if (typeof docker !== 'string') await docker.close();
  await stores[Symbol.asyncDispose]();
  await registry.close();
  await rm(root, { recursive: true, force: true });
});

interface Built {
  readonly success: boolean;
  readonly output: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly workspace: string;
}

interface Sources {
  readonly dockerfile: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Of an earlier build; a new one by default. */
  readonly workspace?: string;
}

async function build(engine: EngineName, sources: Sources, options: DockerBuildOptions): Promise<Built> {
  if (typeof docker === 'string') throw new Error(docker);
  const workspace = sources.workspace ?? join(root, `workspace-${builds++}`);
  const files = { Dockerfile: sources.dockerfile, ...sources.files };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(workspace, name)), { recursive: true });
    await writeFile(join(workspace, name), text);
  }
  const { env: dockerEnv, builder } = docker;
  const env = { ...dockerEnv, ...sources.env };
  let output = '';
  const { success } = await runBuild(
    {
      engine,
      ...(engine === 'buildkit' && builder !== undefined && { builder }),
      metadataFile: 'metadata.json',
      ...options,
    },
    {
      workspaceRoot: workspace,
      projectName: 'app',
      projectRoot: '.',
      env,
      homeDirectory: workspace,
      hostPlatform: { os: 'linux', architecture: 'amd64' },
    },
    {
      write: (text) => void (output += text),
      now: Date.now,
      isTerminal: false,
      terminalSize: () => ({ columns: 80, rows: 24 }),
      isVerbose: false,
      signal: new AbortController().signal,
      createEngine: (plan) =>
        createEngine({
          choice: plan.engine,
          env,
          stateDirectory: join(workspace, '.state'),
          ...(plan.builder !== undefined && { builder: plan.builder }),
        }),
    },
  );
  const text = await readFile(join(workspace, 'metadata.json'), 'utf8').catch(() => '{}');
  return { success, output, workspace, metadata: JSON.parse(text) as Built['metadata'] };
}

interface PushedImage {
  readonly platform: string;
  readonly config: unknown;
  readonly layers: readonly string[];
  readonly annotations: unknown;
}

/** What an image is, for each of its platforms, without the times of its history. */
async function pushed(name: string): Promise<readonly PushedImage[]> {
  const store = stores.repository(parseReference(`127.0.0.1:${registry.port}/${name}`));
  const tag = parseReference(name).tag ?? 'latest';
  const top = await store.getManifest(tag);
  assert.ok(top, `${name} was not pushed`);
  const digests = isIndex(top.descriptor.mediaType)
    ? parseImageIndex(top.bytes).manifests.map(({ digest }) => digest)
    : [top.descriptor.digest];
  return Promise.all(
    digests.map(async (digest) => {
      const stored = await store.getManifest(digest);
      assert.ok(stored);
      const manifest = parseImageManifest(stored.bytes);
      const chunks: Buffer[] = [];
      for await (const chunk of await store.open(manifest.config)) chunks.push(chunk as Buffer);
      const config = parseImageConfig(Buffer.concat(chunks));
      return {
        platform: formatPlatform(config),
        config: config.config,
        layers: config.rootfs.diff_ids,
        annotations: manifest.annotations,
      };
    }),
  );
}

function skipWithout(t: { skip: (reason: string) => void }): boolean {
  if (typeof docker !== 'string') return false;
  t.skip(`no BuildKit: ${docker}`);
  return true;
}

/** The tag that an engine pushes a case to. */
function tagOf(name: string, engine: EngineName): string {
  return `localhost:${registry.port}/${name}:${engine}`;
}

const files = { 'a.txt': 'a', 'dir/b.txt': 'b', 'other/c.txt': 'c', 'linux-amd64': 'x', 'linux-arm64': 'y' };

/** Options that both engines have. `SOURCE_DATE_EPOCH` makes the times in layers the same. */
const shared: readonly { readonly name: string; readonly dockerfile: string; readonly options: DockerBuildOptions }[] =
  [
    {
      name: 'args-labels',
      dockerfile: 'FROM scratch\nARG X\nENV Y=$X\nLABEL z=${X}\nCOPY a.txt /$X/',
      options: {
        buildArgs: { X: 'va"l,ue' },
        labels: { 'l.one': 'é "q" \\$\\{x} %\\{y}', two: 2 },
        annotations: { an: 'x=y' },
      },
    },
    {
      name: 'target-contexts',
      dockerfile:
        'FROM scratch AS one\nCOPY a.txt /\nFROM one AS two\nCOPY --from=more c.txt /d/\nFROM two\nCOPY dir /never',
      options: { target: 'two', buildContexts: { more: 'other' } },
    },
    { name: 'context', dockerfile: 'FROM scratch\nCOPY b.txt /', options: { context: 'dir', file: 'Dockerfile' } },
    {
      name: 'compression',
      dockerfile: 'FROM scratch\nCOPY dir /dir',
      options: { outputs: ['type=image,push=true,compression=uncompressed,oci-mediatypes=false'] },
    },
    {
      name: 'platform',
      dockerfile: 'FROM scratch\nARG TARGETARCH\nCOPY linux-$TARGETARCH /x',
      options: { platform: 'linux/arm64' },
    },
    {
      name: 'platforms',
      dockerfile: 'FROM scratch\nARG TARGETPLATFORM\nARG TARGETARCH\nENV P=$TARGETPLATFORM\nCOPY linux-$TARGETARCH /x',
      options: { platforms: ['linux/amd64', 'linux/arm64'] },
    },
    {
      name: 'limits',
      dockerfile: 'FROM scratch\nCOPY a.txt /',
      options: {
        ...{ network: 'none', addHosts: ['db=10.0.0.1'], ulimits: ['nofile=1024:2048'], shmSize: '64m' },
        ...{ cgroupParent: 'nxrc', noCache: true, pull: true },
      },
    },
    {
      name: 'no-cache-filter',
      dockerfile: 'FROM scratch AS s\nCOPY a.txt /\nFROM s\nCOPY dir /',
      options: { noCache: ['s'] },
    },
  ];

for (const { name, dockerfile, options } of shared) {
  test(`options: ${name}: both engines push the same image`, async (t) => {
    if (skipWithout(t)) return;
    for (const engine of ['embedded', 'buildkit'] as const) {
      const { success, output, metadata } = await build(
        engine,
        { dockerfile, files },
        { tags: [tagOf(name, engine)], push: true, sourceDateEpoch: 1_000_000_000, ...options },
      );
      assert.ok(success, output);
      assert.match(String(metadata['containerimage.digest']), /^sha256:/);
    }
    const [embedded, buildkit] = await Promise.all([pushed(`${name}:embedded`), pushed(`${name}:buildkit`)]);
    assert.ok(embedded.length > 0);
    const shape = (images: readonly PushedImage[]): unknown =>
      images.map(({ platform, config, annotations, layers }) => ({
        platform,
        config,
        annotations,
        layers: layers.length,
      }));
    assert.deepEqual(shape(embedded), shape(buildkit));
  });
}

test('one cache for all platforms, each engine finding what the other wrote', async (t) => {
  if (skipWithout(t)) return;
  const dockerfile = 'FROM scratch AS base\nARG TARGETARCH\nCOPY linux-$TARGETARCH /x\nFROM base\nCOPY dir /dir';
  const platforms = ['linux/amd64', 'linux/arm64'];
  for (const [writer, reader] of [
    ['embedded', 'buildkit'],
    ['buildkit', 'embedded'],
  ] as const) {
    // The content is the writer's own, so that no builder knows it from before.
    const own = Object.fromEntries(
      Object.entries(files).map(([path, text]) => [path, `${text} ${writer} ${Date.now()}`]),
    );
    const cache = `type=registry,ref=localhost:${registry.port}/platform-cache:${writer}`;
    const tags = [tagOf('cached', writer)];
    const first = await build(
      writer,
      { dockerfile, files: own },
      { platforms, tags, push: true, cacheTo: [`${cache},mode=max`] },
    );
    assert.ok(first.success, first.output);
    const second = await build(reader, { dockerfile, files: own }, { platforms, tags, push: true, cacheFrom: [cache] });
    assert.ok(second.success, second.output);
    assert.match(second.output, /cache: 4 of 4 steps were hits/);
  }
});

test('BuildKit: a missing cache is one warning, mistakes and failures have their place', async (t) => {
  if (skipWithout(t)) return;
  const cacheFrom = [`type=registry,ref=localhost:${registry.port}/none:1`];
  const good = await build('buildkit', { dockerfile: 'FROM scratch\nCOPY a.txt /', files }, { cacheFrom });
  assert.ok(good.success, good.output);
  assert.equal(good.output.match(/CACHE_MISSING/g)?.length, 1);
  const two = await build('buildkit', { dockerfile: 'FROM scratch\nCOPPY a /\nRUNN x' }, {});
  assert.equal(two.success, false);
  assert.match(two.output, /Dockerfile:2:1: error DOCKERFILE_UNKNOWN_INSTRUCTION[^]*Dockerfile:3:1: error/);
  const lost = await build('buildkit', { dockerfile: 'FROM scratch\nCOPY nowhere /' }, {});
  assert.match(lost.output, /error VERTEX_FAILED: \[1\/1\] COPY nowhere \/ \(.*Dockerfile:2\): .*not found/);
});

test('BuildKit: local, tar and oci outputs, provenance, and the tags of several registries', async (t) => {
  if (skipWithout(t)) return;
  const outputs = ['type=local,dest=out/dir', 'type=tar,dest=out/files.tar', 'type=oci,dest=out/image.tar'];
  const { success, output, workspace } = await build(
    'buildkit',
    { dockerfile: 'FROM scratch\nCOPY a.txt /', files },
    {
      outputs,
      provenance: 'mode=max',
      tags: [tagOf('outputs', 'buildkit'), tagOf('outputs2', 'buildkit')],
      push: true,
    },
  );
  assert.ok(success, output);
  assert.equal(await readFile(join(workspace, 'out/dir/a.txt'), 'utf8'), 'a');
  for (const name of ['files.tar', 'image.tar'])
    assert.ok((await readFile(join(workspace, 'out', name))).length > 1024);
  const index = await stores.repository(parseReference(`127.0.0.1:${registry.port}/outputs2`)).getManifest('buildkit');
  assert.ok(index && isIndex(index.descriptor.mediaType), 'an image with attestations is an index');
  assert.match(index.bytes.toString(), /attestation-manifest/);
});

test('a RUN for a platform that the machine cannot run is refused before the build', async (t) => {
  if (skipWithout(t)) return;
  const { success, output } = await build(
    'embedded',
    { dockerfile: 'FROM scratch\nCOPY a.txt /\nRUN ["/x"]', files },
    { platforms: ['linux/amd64', 'linux/s390x'] },
  );
  assert.equal(success, false);
  assert.match(output, /PLATFORM_NOT_RUNNABLE: this machine cannot run programs for linux\/s390x/);
  assert.doesNotMatch(output, /COPY a\.txt/);
});
