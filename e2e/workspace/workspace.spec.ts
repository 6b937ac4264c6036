import assert from 'node:assert/strict';
import { execFileSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { probeSandbox } from '../../src/builder/sandbox/probe-sandbox';
import { TemporaryDirectory } from '../../src/testing/temporary-directory';
import { packPlugin } from '../plugin/nx-install';
import { pruneLater } from '../testing/prune-later';
import { CountedRegistry } from './counted-registry';
import { generateImages } from './generate-images';
import { killTree, Machine, type Ended } from './machine';
import * as acme from './twenty-apps';

const parallel = '--parallel=4';
const cacheRepository = 'acme/cache';

/** Why nothing of this can run here. */
let obstacle: string | undefined;
let directory: TemporaryDirectory;
let registry: CountedRegistry;
let machine: Machine;

before(async () => {
  directory = await TemporaryDirectory.create();
  const searchPath = process.env['PATH'] ?? '';
  const probe = await probeSandbox({ stateDirectory: directory.join('probe'), searchPath });
  if (probe.works === undefined) {
    obstacle = 'this machine has no way to run a RUN step';
    return;
  }
  registry = await CountedRegistry.start(directory.join('registry'));
  machine = Machine.create(directory.join('one'));
  const root = directory.join('root');
  await acme.createRoot(root);
  machine.write({
    '.gitignore': 'node_modules\n.nx\n',
    'package.json': JSON.stringify({
      name: 'acme',
      private: true,
      devDependencies: { nx: '24.0.6', '@nx/devkit': '24.0.0' },
    }),
    'nx.json': JSON.stringify({ analytics: false, neverConnectToCloud: true }),
    ...acme.sources(root),
  });
  const npm = ['install', '--no-package-lock', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  execFileSync('npm', npm, { cwd: machine.root, stdio: 'pipe' });
  await succeed(machine, ['add', `nx-registry-cache@file:${packPlugin()}`]);
  await succeed(machine, ['g', 'nx-registry-cache:init', `--registry=${registry.host}/acme`]);
  await succeed(machine, ['g', 'nx-registry-cache:docker-build', 'api-1', '--baseImage=nx-project:base']);
  generateImages(machine, acme.apps.slice(1), { baseImage: 'nx-project:base' });
  for (const job of acme.jobs) {
    const file = `apps/${job}/Dockerfile`;
    machine.write({ [file]: acme.withLibrary(job, machine.read(file)) });
  }
  trust(machine, 'open');
  // npm has written down what it installed; the workspace that is built has a lockfile of its own.
  machine.write({ 'package-lock.json': acme.lockfile('MIT') });
  machine.commit();
});

after(async () => {
  if (obstacle === undefined) await registry.close();
  await directory[Symbol.asyncDispose]();
});

/** Each goes on from what the one before it left. */
function scenario(name: string, play: () => Promise<void>): void {
  test(name, async (t) => {
    if (obstacle === undefined) await play();
    else t.skip(obstacle);
  });
}

scenario('two machines build all images at the same moment, and each stage is stored once', async () => {
  // Images that others are built on come first, as everywhere: theirs is the digest that the others name.
  await succeed(machine, build(acme.base));
  const other = machine.clone(directory.join('two'));
  const ended = await Promise.all([machine, other].map((each) => runMany(each)));
  for (const { code, output } of ended) assert.equal(code, 0, output);
  const tags = await registry.tags(cacheRepository);
  const stages = (name: string): number => tags.filter((tag) => new RegExp(`^${name}-[0-9a-f]{32}$`).test(tag)).length;
  // Four servers have the same dependencies; what runs is a stage of each app.
  assert.deepEqual([stages('deps'), stages('runtime')], [1, acme.apps.length]);
  for (const image of acme.images) assert.equal((await registry.tags(`acme/${image}`)).length, 1, image);
});

scenario('unchanged images are two requests each and start no builder', async () => {
  // Who came second with one commit's tag has the last word; from then on, all are of one mind.
  await succeedMany(machine);
  machine.forget();
  machine.clean();
  registry.takeRequests();
  const { output } = await succeedMany(machine);
  const requests = registry.takeRequests();
  assert.deepEqual(outcomes(machine), Object.fromEntries(acme.images.map((image) => [image, 'hit in-place'])), output);
  assert.equal(machine.hasState, false, 'a builder was started');
  assert.ok(requests.length <= 2 * acme.images.length, requests.join('\n'));
  assert.deepEqual([...new Set(requests.map((request) => request.split(' ', 1)[0]))].sort(), ['GET', 'HEAD']);
});

scenario('a changed library builds the images of its dependents again, and no other', async () => {
  machine.write({ 'libs/util/index.js': '// util 2\n' });
  machine.commit();
  const dependents = acme.dependentsOf('util');
  assert.deepEqual(await affected(machine), [acme.base, ...dependents].sort());
  await succeedMany(machine);
  assert.deepEqual(outcomes(machine), {
    ...Object.fromEntries(acme.images.map((image) => [image, 'hit tagged'])),
    ...Object.fromEntries(dependents.map((image) => [image, 'built'])),
  });
});

scenario('a change in one app builds that app alone', async () => {
  machine.write({ 'apps/api-2/src/main.js': '// api-2 2\n' });
  machine.commit();
  machine.clean();
  await succeed(machine, ['affected', '-t', 'docker-build', '-c', 'ci', '--base=HEAD~1', '--outputStyle=static']);
  // The image that it is built on comes first, and is a hit.
  assert.deepEqual(outcomes(machine), { base: 'hit tagged', 'api-2': 'built' });
  const { steps } = machine.metadata('api-2')['nx-registry-cache'];
  assert.equal(steps.find(({ name }) => name.includes('RUN'))?.outcome, 'hit');
});

scenario('a changed lockfile leaves alone the images that do not use it', async () => {
  machine.write({ 'package-lock.json': acme.lockfile('ISC') });
  machine.commit();
  machine.clean();
  assert.deepEqual(await affected(machine), [...acme.images].sort());
  await succeedMany(machine);
  assert.deepEqual(outcomes(machine), {
    ...Object.fromEntries(acme.images.map((image) => [image, 'hit tagged'])),
    ...Object.fromEntries(acme.servers.map((image) => [image, 'built'])),
  });
});

scenario('a blob that the registry lost is built again and put back', async () => {
  // Of the image.
  const [layer] = (await registry.manifest('acme/job-2', machine.head)).layers.slice(-1);
  await registry.loseBlob(layer!.digest);
  machine.forget();
  await succeed(machine, [...build('job-2'), '--verify=blobs']);
  assert.equal(machine.outcome('job-2'), 'built');
  machine.forget();
  await succeed(machine, [...build('job-2'), '--verify=blobs']);
  assert.match(machine.outcome('job-2') ?? '', /^hit/);

  // Of a stage: a build that does not need it goes on without, and one that does puts it back.
  const deps = tagOfStage(machine, 'api-1', 'deps');
  // A cache lists layers in the order of their digests, those of the base image among them.
  const ofBase = (await registry.manifest(`acme/${acme.base}`, machine.head)).layers.map(({ digest }) => digest);
  const { layers } = await registry.manifest(cacheRepository, deps);
  const installed = layers.find(({ digest }) => !ofBase.includes(digest));
  await registry.loseBlob(installed!.digest);
  machine.write({ 'apps/api-1/src/main.js': '// api-1 2\n' });
  machine.forget();
  await succeed(machine, build('api-1'));
  assert.equal(machine.outcome('api-1'), 'built');
  const dockerfile = 'apps/api-1/Dockerfile';
  machine.write({ [dockerfile]: machine.read(dockerfile).replace('--from=deps /app ./', '--from=deps /app ./run/') });
  machine.forget();
  await succeed(machine, build('api-1'));
  assert.deepEqual(await registry.lostLayers(cacheRepository, deps), []);
});

scenario('a build that is killed leaves what the next one works with', async () => {
  const moments = [/installing/, /^(?:PUT|PATCH) .*uploads/] as const;
  for (const [index, moment] of moments.entries()) {
    machine.write({ 'package-lock.json': acme.lockfile(`slow ${index}`) });
    // Nx keeps what a task prints until it ends, unless it is asked to pass it on.
    const child = machine.start([...build('api-3'), '--outputStyle=stream']);
    const reached = index === 0 ? printed(child, moment) : registry.nextRequest(moment);
    await Promise.race([reached, once(child, 'close').then(() => assert.fail('it ended too early'))]);
    killTree(child);
    await once(child, 'close');
    await succeed(machine, build('api-3'));
    assert.equal(machine.outcome('api-3'), 'built');
  }
});

scenario('what a pull request wrote, the main branch never reads', async () => {
  trust(machine, 'protected');
  machine.commit();
  const untrusted = `${cacheRepository}-untrusted`;
  const before = await registry.tags(cacheRepository);
  // It builds what the main branch is going to build next, so under the same keys.
  const source = { 'apps/job-3/job.sh': '// job-3 2\n' };
  const pull = machine.clone(directory.join('pull'));
  pull.variables = {
    GITHUB_ACTIONS: 'true',
    ...{ GITHUB_EVENT_NAME: 'pull_request', GITHUB_REF: 'refs/pull/7/merge', GITHUB_REF_PROTECTED: 'false' },
    ...{ GITHUB_HEAD_REF: 'main', GITHUB_BASE_REF: 'main' },
  };
  pull.write(source);
  pull.commit();
  await succeed(pull, build('job-3'));
  assert.equal(pull.outcome('job-3'), 'built');
  assert.deepEqual(await registry.tags(cacheRepository), before, 'a pull request wrote where the main branch reads');
  const written = await registry.tags(untrusted);
  const image = written.find((tag) => tag.endsWith('-image'));
  const stage = written.find((tag) => /^[^.]+-[0-9a-f]{32}$/.test(tag) && !tag.startsWith('inputs-'));
  assert.ok(image !== undefined && stage !== undefined, written.join(' '));

  // And it leaves something else there under these keys.
  pull.write({ 'apps/job-3/job.sh': '// evil\n' });
  pull.forget();
  await succeed(pull, build('job-3'));
  const evil = pull.metadata('job-3')['containerimage.digest'];
  const later = (await registry.tags(untrusted)).filter((tag) => !written.includes(tag));
  for (const [tag, pattern] of [
    [image, /-image$/],
    [stage, /^[^.]+-[0-9a-f]{32}$/],
  ] as const) {
    const other = later.find((each) => pattern.test(each) && !each.startsWith('inputs-'));
    assert.ok(other !== undefined, later.join(' '));
    await registry.overwrite(untrusted, tag, other);
  }
  pull.write(source);
  pull.forget();
  await succeed(pull, build('job-3'));
  assert.equal(pull.metadata('job-3')['containerimage.digest'], evil, 'the poison does not work');

  machine.variables = {
    GITHUB_ACTIONS: 'true',
    ...{ GITHUB_EVENT_NAME: 'push', GITHUB_REF: 'refs/heads/main', GITHUB_REF_PROTECTED: 'true' },
  };
  machine.write(source);
  machine.commit();
  machine.forget();
  registry.takeRequests();
  await succeed(machine, build('job-3'));
  const asked = registry.takeRequests().filter((request) => request.includes(untrusted));
  assert.deepEqual(asked, []);
  assert.equal(machine.outcome('job-3'), 'built');
  assert.notEqual(machine.metadata('job-3')['containerimage.digest'], evil);

  // From now on, the pull request has it from the main branch.
  pull.forget();
  await succeed(pull, build('job-3'));
  assert.match(pull.outcome('job-3') ?? '', /^hit/);
  assert.notEqual(pull.metadata('job-3')['containerimage.digest'], evil);
  machine.variables = {};
});

scenario('cleaning up deletes what no live build needs, and every image stays a hit', async () => {
  machine.variables = {
    GITHUB_ACTIONS: 'true',
    ...{ GITHUB_EVENT_NAME: 'push', GITHUB_REF: 'refs/heads/main', GITHUB_REF_PROTECTED: 'true' },
  };
  machine.forget();
  await succeedMany(machine);
  const before = await registry.tags(cacheRepository);
  const cache = `${registry.host}/${cacheRepository}`;
  const { success, output } = await pruneLater(30, {
    ...{ cache, apply: true, workspace: machine.root, temporaryDirectory: directory.path },
  });
  assert.ok(success, output);
  const left = await registry.tags(cacheRepository);
  assert.ok(left.length < before.length, output);
  machine.forget();
  machine.clean();
  const again = await succeedMany(machine);
  const expected = Object.fromEntries(acme.images.map((image) => [image, 'hit in-place']));
  assert.deepEqual(outcomes(machine), expected, `${output}\n${again.output}`);
  assert.equal(machine.hasState, false, 'a builder was started');
  machine.variables = {};
});

scenario('without the registry, an image is built with one warning', async () => {
  machine.forget();
  machine.clean();
  await registry.close();
  const { output } = await succeed(machine, ['run', 'job-1:docker-build', '--outputStyle=static']);
  const { warnings } = machine.metadata('job-1')['nx-registry-cache'];
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['STAGE_REFS_UNUSABLE'],
  );
  // Once for the app, once for the image that it is built on.
  assert.equal(output.match(/STAGE_REFS_UNUSABLE/g)?.length, 2, output);
});

/** Who is trusted; `open`: all, whatever CI they run in. */
function trust(on: Machine, preset: 'open' | 'protected'): void {
  const config = JSON.parse(on.read('nx.json')) as { plugins: { options: Record<string, unknown> }[] };
  for (const { options } of config.plugins) options['trust'] = preset;
  on.write({ 'nx.json': JSON.stringify(config, undefined, 2) });
}

function tagOfStage(on: Machine, app: string, stage: string): string {
  const { stageRefs } = on.metadata(app)['nx-registry-cache'];
  const ref = stageRefs?.stages.find((each) => each.stage === stage)?.ref;
  assert.ok(ref !== undefined, `no ref of ${stage} of ${app}`);
  return ref.slice(ref.lastIndexOf(':') + 1);
}

/** Resolves when the command prints what matches. */
async function printed(child: ChildProcess, pattern: RegExp): Promise<void> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (pattern.test(text)) return;
  }
}

function build(app: string): readonly string[] {
  return ['run', `${app}:docker-build:ci`, '--progress=plain'];
}

function runMany(on: Machine): Promise<Ended> {
  return on.nx(['run-many', '-t', 'docker-build', '-c', 'ci', parallel, '--outputStyle=static']);
}

async function succeedMany(on: Machine): Promise<Ended> {
  const ended = await runMany(on);
  assert.equal(ended.code, 0, ended.output);
  return ended;
}

async function succeed(on: Machine, args: readonly string[]): Promise<Ended> {
  const ended = await on.nx(args);
  assert.equal(ended.code, 0, ended.output);
  return ended;
}

/** How the images came about that were built since the checkout was cleaned. */
function outcomes(on: Machine): Readonly<Record<string, string>> {
  return Object.fromEntries(
    acme.images.flatMap((image) => {
      const outcome = on.outcome(image);
      return outcome === undefined ? [] : [[image, outcome]];
    }),
  );
}

/** Projects whose image the latest commit can change, sorted. */
async function affected(on: Machine): Promise<readonly string[]> {
  const { output } = await succeed(on, ['affected', '-t', 'docker-build', '--base=HEAD~1', '--graph=stdout']);
  const graph = JSON.parse(output.slice(output.search(/^\{/m), output.lastIndexOf('}') + 1)) as {
    readonly tasks: {
      readonly tasks: Readonly<Record<string, { readonly target: { project: string; target: string } }>>;
    };
  };
  const targets = Object.values(graph.tasks.tasks).map(({ target }) => target);
  return targets.flatMap(({ project, target }) => (target === 'docker-build' ? [project] : [])).sort();
}
