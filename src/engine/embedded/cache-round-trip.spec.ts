import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { createSandbox } from '../../builder/sandbox/create-sandbox';
import type { ProgressEvent } from '../../progress/event';
import { startRegistryServer, type RegistryServer } from '../../registry-server/server';
import { TemporaryDirectory } from '../../testing/temporary-directory';
import { planBuild } from '../../workspace/build-plan';
import type { DockerBuildOptions } from '../../workspace/docker-build-options';
import type { BuildOutcome } from '../contract';
import { EmbeddedEngine } from './embedded-engine';

const dockerfile = `FROM scratch AS deps
COPY package.json /app/
COPY lib /app/lib
FROM scratch
COPY --from=deps /app /app
COPY main.js /app/
`;

class Rig implements AsyncDisposable {
  #machines = 0;

  private constructor(
    readonly directory: TemporaryDirectory,
    readonly server: RegistryServer,
  ) {}

  static async start(): Promise<Rig> {
    const directory = await TemporaryDirectory.create();
    await mkdir(directory.join('src/lib'), { recursive: true });
    await writeFile(directory.join('src/Dockerfile'), dockerfile);
    await writeFile(directory.join('src/package.json'), '{"name":"app"}');
    await writeFile(directory.join('src/lib/a.js'), 'a'.repeat(5000));
    await writeFile(directory.join('src/main.js'), 'main()');
    return new Rig(directory, await startRegistryServer({ root: directory.join('registry') }));
  }

  get host(): string {
    return `127.0.0.1:${this.server.port}`;
  }

  /** Builds on a machine that has nothing but the registry. */
  async build(
    options: DockerBuildOptions,
  ): Promise<{ readonly outcome: BuildOutcome; readonly events: ProgressEvent[] }> {
    const root = this.directory.join('src');
    const result = await planBuild(options, {
      workspaceRoot: root,
      projectName: 'app',
      projectRoot: '.',
      env: {},
      homeDirectory: this.directory.path,
      hostPlatform: { os: 'linux', architecture: 'amd64' },
    });
    assert.ok(result.ok, JSON.stringify(result));
    const engine = new EmbeddedEngine({
      stateDirectory: this.directory.join(`machine-${this.#machines++}`),
      env: {},
      homeDirectory: this.directory.path,
      now: Date.now,
      createSandbox: (stateDirectory, layers) => createSandbox({ stateDirectory, layers }),
    });
    const events: ProgressEvent[] = [];
    const outcome = await engine.build(result.plan.request, { progress: (event) => void events.push(event) });
    return { outcome, events };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
    await this.directory[Symbol.asyncDispose]();
  }
}

/** What was done for the steps of stages that write files. */
function outcomes({ steps }: BuildOutcome): readonly string[] {
  return steps.filter(({ name }) => name.includes('COPY')).map(({ outcome }) => outcome);
}

test('an image with an inline cache gives another machine its hits for the steps that the image consists of', async () => {
  await using rig = await Rig.start();
  const tag = `${rig.host}/acme/app:1`;
  const first = await rig.build({ tags: [tag], push: true, cacheTo: ['type=inline'] });
  const second = await rig.build({ cacheFrom: [`type=registry,ref=${tag}`] });
  assert.deepEqual(second.outcome.warnings, []);
  assert.ok(!outcomes(second.outcome).includes('executed'), outcomes(second.outcome).join());
  const third = await rig.build({
    tags: [`${rig.host}/acme/app:2`],
    push: true,
    cacheFrom: [tag],
    cacheTo: ['type=inline'],
  });
  assert.equal(third.outcome.image?.digest, first.outcome.image?.digest);
});

test('an image without an inline cache is a warning of the build, and no failure', async () => {
  await using rig = await Rig.start();
  const tag = `${rig.host}/acme/app:1`;
  await rig.build({ tags: [tag], push: true });
  const { outcome } = await rig.build({ cacheFrom: [tag] });
  assert.deepEqual(
    outcome.warnings.map(({ code }) => code),
    ['CACHE_UNUSABLE'],
  );
  assert.ok(outcomes(outcome).includes('executed'));
});

for (const compression of ['gzip', 'estargz', 'zstd', 'uncompressed']) {
  for (const form of ['', ',image-manifest=false', ',oci-mediatypes=false']) {
    if (compression === 'estargz' && form.includes('oci')) continue;
    test(`every step is a hit elsewhere: compression=${compression},force-compression=true${form}`, async () => {
      await using rig = await Rig.start();
      const ref = `type=registry,ref=${rig.host}/acme/cache:x`;
      await rig.build({ cacheTo: [`${ref},mode=max,compression=${compression},force-compression=true${form}`] });
      await writeFile(rig.directory.join('src/main.js'), 'changed()');
      const { outcome } = await rig.build({ cacheFrom: [ref], outputs: ['type=local,dest=out'] });
      assert.deepEqual(outcome.warnings, []);
      assert.equal(outcomes(outcome).filter((word) => word === 'executed').length, 1, outcomes(outcome).join());
    });
  }
}

test('an estargz image has the diffIDs of its blobs', async () => {
  await using rig = await Rig.start();
  const options: DockerBuildOptions = {
    tags: [`${rig.host}/acme/app:1`],
    outputs: ['type=image,push=true,compression=estargz'],
  };
  await rig.build(options);
  // Reading the image as a base checks each layer against its diffID.
  await writeFile(rig.directory.join('src/Dockerfile'), `FROM ${rig.host}/acme/app:1\nCOPY main.js /other.js\n`);
  await rig.build({ outputs: ['type=local,dest=out'] });
});

test('without strict, a form that cannot be is tried, and the build says so', async () => {
  await using rig = await Rig.start();
  const to = `type=local,dest=cache,oci-mediatypes=false,image-manifest=true`;
  await assert.rejects(rig.build({ strict: false, cacheTo: [to] }), { code: 'CACHE_FORM_INVALID' });
  const { outcome } = await rig.build({ strict: false, cacheTo: [`${to},ignore-error=true`] });
  assert.deepEqual(
    outcome.warnings.map(({ code }) => code),
    ['CACHE_EXPORT_FAILED'],
  );
});
