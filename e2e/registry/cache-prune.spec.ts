import assert from 'node:assert/strict';
import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { collectGarbage } from '../../src/registry-server/garbage';
import { StorageLayout } from '../../src/registry-server/layout';
import { startRegistryServer } from '../../src/registry-server/server';
import type { CachePruneOptions } from '../../src/workspace/cache-task-options';
import type { DockerBuildOptions } from '../../src/workspace/docker-build-options';
import { Builder, stepsThat, type BuildResult } from '../testing/builder';
import { DockerRegistry } from '../testing/docker-registry';
import { createHostRoot } from '../testing/host-root';
import { needs } from '../testing/parts';
import { pruneLater } from '../testing/prune-later';

const dayMs = 86_400_000;
const dockerfile = `FROM scratch AS base
COPY --from=host . /
FROM base AS deps
COPY lock /
RUN cat /lock > /deps
FROM deps AS app
COPY main /
RUN cat /deps /main > /app
`;

interface Registry {
  readonly host: string;
  /** Frees what no manifest lists, and gives the number of files that are left. */
  readonly free: () => Promise<number>;
  readonly close: () => Promise<void>;
}

/** Each with a directory for its content. */
const registries: Readonly<Record<string, (directory: string) => Promise<Registry>>> = {
  'Docker’s registry': async (directory) => {
    const registry = await DockerRegistry.start(directory);
    const free = async (): Promise<number> => {
      await registry.collectGarbage();
      return countFiles(join(registry.directory, 'docker/registry/v2/blobs'));
    };
    return { host: registry.host, free, close: () => registry[Symbol.asyncDispose]() };
  },
  'the embedded registry': async (root) => {
    const server = await startRegistryServer({ root });
    const layout = new StorageLayout(root);
    const free = async (): Promise<number> => {
      // As if nobody had asked for anything since yesterday.
      const time = new Date(Date.now() - 2 * dayMs);
      for (const file of await filesIn(root)) await utimes(file, time, time);
      await collectGarbage(layout, { now: Date.now() });
      return countFiles(layout.blobs);
    };
    return { host: `127.0.0.1:${server.port}`, free, close: () => server.close() };
  },
};

async function filesIn(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function countFiles(directory: string): Promise<number> {
  return (await filesIn(directory)).length;
}

async function open(t: TestContext, start: (directory: string) => Promise<Registry>) {
  const builder = await Builder.create(t);
  const registry = await start(builder.path('registry'));
  t.after(() => registry.close());
  await createHostRoot(builder.path('host'));
  await builder.write({ Dockerfile: dockerfile, lock: '1\n' });
  const cache = `${registry.host}/acme/cache`;
  const options: DockerBuildOptions = {
    tags: [`${registry.host}/acme/app:1`],
    push: true,
    buildContexts: { host: builder.path('host') },
    cache,
    trust: 'open',
  };
  const build = async (main: string, state: string, more: DockerBuildOptions = {}): Promise<BuildResult> => {
    await builder.write({ main: `${main}\n` });
    const result = await builder.build({ ...options, ...more }, { state });
    assert.equal(result.code, 0, result.output);
    return result;
  };
  const prune = (inDays: number, more: CachePruneOptions = {}) =>
    pruneLater(inDays, { cache, workspace: builder.workspace, temporaryDirectory: builder.directory, ...more });
  const tags = async (): Promise<readonly string[]> => {
    const response = await fetch(`http://${registry.host}/v2/acme/cache/tags/list`);
    return ((await response.json()) as { readonly tags: readonly string[] }).tags;
  };
  return { build, prune, tags, free: registry.free };
}

function refsOf({ metadata }: BuildResult) {
  const ours = metadata?.['nx-registry-cache'] as {
    readonly stageRefs: {
      readonly outcome: string;
      readonly imageRef: string;
      readonly stages: readonly { readonly stage: string; readonly state: string; readonly ref?: string }[];
    };
  };
  return ours.stageRefs;
}

/** Tags that a build wrote: those of its image and of its stages. */
function writtenBy(result: BuildResult): readonly string[] {
  const { imageRef, stages } = refsOf(result);
  const refs = [
    imageRef,
    ...stages.flatMap(({ ref, state }) => (ref !== undefined && state === 'missing' ? [ref] : [])),
  ];
  return refs.map((ref) => ref.slice(ref.lastIndexOf(':') + 1));
}

for (const [name, start] of Object.entries(registries)) {
  const skip = name === 'the embedded registry' ? false : needs('docker-registry');

  test(`a prune of ${name} keeps every live hit`, { skip }, async (t) => {
    const rig = await open(t, start);
    const first = await rig.build('1', 'a');
    const second = await rig.build('2', 'a');
    const third = await rig.build('3', 'a');
    const stale = [...writtenBy(second), ...writtenBy(first).filter((tag) => /^app-/.test(tag))];
    assert.equal(stale.length, 4, stale.join(' '));
    const before = await rig.tags();

    const plan = await rig.prune(30);
    assert.ok(plan.success, plan.output);
    assert.match(plan.output, /4 tags would go/);
    assert.deepEqual(await rig.tags(), before);

    const files = await rig.free();
    const done = await rig.prune(30, { apply: true });
    assert.ok(done.success, done.output);
    assert.match(done.output, /4 of 4 tags deleted/);
    assert.deepEqual([...(await rig.tags())].sort(), before.filter((tag) => !stale.includes(tag)).sort());

    assert.ok((await rig.free()) < files);

    // A machine with nothing of its own: the image is a hit, with all of its blobs.
    const hit = await rig.build('3', 'b', { verify: 'blobs' });
    assert.deepEqual([refsOf(hit).outcome, hit.steps], ['hit', []], hit.output);
    assert.equal(hit.metadata?.['containerimage.digest'], third.metadata?.['containerimage.digest']);
    // And the stage that all versions have in common is one.
    const next = await rig.build('4', 'c');
    const ran = stepsThat(next, 'executed');
    assert.ok(ran.some((step) => step.includes('/app')) && !ran.some((step) => step.includes('/lock')), ran.join('\n'));
    // What went is built again, and nothing worse happens.
    const again = await rig.build('1', 'd');
    assert.deepEqual(
      refsOf(again).stages.flatMap(({ stage, state }) => (stage === 'base' ? [] : [[stage, state]])),
      [
        ['deps', 'present'],
        ['app', 'missing'],
      ],
    );
    const rebuilt = await rig.build('1', 'e', { verify: 'blobs' });
    assert.equal(refsOf(rebuilt).outcome, 'hit');
  });

  test(`a prune of ${name} leaves what was just written`, { skip }, async (t) => {
    const rig = await open(t, start);
    await rig.build('1', 'a');
    await rig.build('2', 'a');
    const before = await rig.tags();
    const { success, output } = await rig.prune(0, { apply: true, keepDays: 0 });
    assert.ok(success, output);
    assert.match(output, /0 of 0 tags deleted/);
    assert.deepEqual(await rig.tags(), before);
  });
}

test(
  'a registry that does not delete is told once, with what it needs',
  { skip: needs('docker-registry') },
  async (t) => {
    const rig = await open(t, async (directory) => {
      const registry = await DockerRegistry.start(directory, { deletes: false });
      return { host: registry.host, free: () => Promise.resolve(0), close: () => registry[Symbol.asyncDispose]() };
    });
    await rig.build('1', 'a');
    await rig.build('2', 'a');
    const before = await rig.tags();
    const { success, output } = await rig.prune(30, { apply: true });
    assert.equal(success, false);
    assert.equal(output.match(/^error CACHE_DELETE_REFUSED: .*405/gm)?.length, 1, output);
    assert.match(output, /hint: .*storage\.delete\.enabled/);
    assert.deepEqual(await rig.tags(), before);
    assert.equal(refsOf(await rig.build('2', 'b')).outcome, 'hit');
  },
);
