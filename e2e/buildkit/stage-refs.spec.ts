import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { engineFor } from '../../src/executors/docker-build/engine-for';
import { runBuild } from '../../src/executors/docker-build/run-build';
import { startRegistryServer, type RegistryServer } from '../../src/registry-server/server';
import type { StageRefReport } from '../../src/stage-refs/contract';
import type { DockerBuildOptions } from '../../src/workspace/docker-build-options';
import { openDocker, type DockerEnvironment } from './docker-env';

type EngineName = 'embedded' | 'buildkit';

const secret = 'sixteen characters and more';
const dockerfile = [
  'FROM scratch AS deps',
  'COPY package.json /',
  'FROM deps AS app',
  'ARG TARGETARCH',
  'COPY src/$TARGETARCH /src',
].join('\n');

let docker: DockerEnvironment | string;
let registry: RegistryServer;
let root: string;
let builds = 0;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'nxrc-stages-'));
  registry = await startRegistryServer({ root: join(root, 'registry') });
  docker = await openDocker();
});

after(async () => {
  if (typeof docker !== 'string') await docker.close();
  await registry.close();
  await rm(root, { recursive: true, force: true });
});

interface Built {
  readonly output: string;
  readonly digest: string;
  readonly stageRefs: StageRefReport;
}

/** Builds on a machine that knows nothing but the registry. */
async function build(engine: EngineName, main: string, options: DockerBuildOptions): Promise<Built> {
  const workspace = join(root, `workspace-${builds++}`);
  const files = {
    Dockerfile: dockerfile,
    'package.json': `{"name":"${main}"}`,
    'src/amd64/main.js': main,
    'src/arm64/main.js': `${main} on arm`,
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(workspace, name)), { recursive: true });
    await writeFile(join(workspace, name), text);
  }
  const { env: dockerEnv = process.env, builder } = typeof docker === 'string' ? {} : docker;
  const env = { ...dockerEnv, NX_REGISTRY_CACHE_SECRET: secret };
  const { signal } = new AbortController();
  let output = '';
  const { success } = await runBuild(
    {
      engine,
      ...(engine === 'buildkit' && builder !== undefined && { builder }),
      metadataFile: 'metadata.json',
      stateDir: '.state',
      push: true,
      trust: 'open',
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
      signal,
      createEngine: (plan) => engineFor(plan, { env, signal }),
    },
  );
  assert.ok(success, output);
  const metadata = JSON.parse(await readFile(join(workspace, 'metadata.json'), 'utf8')) as {
    'containerimage.digest': string;
    'nx-registry-cache': { stageRefs: StageRefReport };
  };
  return {
    output,
    digest: metadata['containerimage.digest'],
    stageRefs: metadata['nx-registry-cache'].stageRefs,
  };
}

for (const engine of ['embedded', 'buildkit'] as const) {
  for (const platforms of [['linux/amd64'], ['linux/amd64', 'linux/arm64']]) {
    test(`${engine}: signed refs of ${platforms.join(' and ')} serve the next machine without a builder`, async (t) => {
      if (engine === 'buildkit' && typeof docker === 'string') {
        t.skip(`no BuildKit: ${docker}`);
        return;
      }
      const name = `${engine}-${platforms.length}`;
      const tags = [`localhost:${registry.port}/app-${name}:latest`];
      const options = { platforms, tags, cache: `localhost:${registry.port}/cache-${name}` };
      const main = `${name} ${Date.now()}`;
      const first = await build(engine, main, options);
      assert.equal(first.stageRefs.outcome, 'built', first.output);
      assert.equal(first.stageRefs.stages.length, 2 * platforms.length);
      const { signatures } = first.stageRefs;
      assert.deepEqual(signatures?.unsigned, []);
      // Two stages and the image of each platform, and the cache of the branch where there is one.
      assert.ok(signatures.signed.length >= 3 * platforms.length, first.output);

      const second = await build('embedded', main, options);
      assert.equal(second.stageRefs.served, 'in-place', second.output);
      assert.equal(second.digest, first.digest);

      const changed = await build(engine, `${main} changed`, options);
      assert.equal(changed.stageRefs.outcome, 'built', changed.output);
    });
  }
}
