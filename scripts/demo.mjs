// npm run demo: installs the packed plugin into a copy of examples/workspace, starts the registry that comes with it, and
// shows what the cache does. Fails if any expectation does not hold. Needs nothing from the internet but npm packages.
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackImage } from './demo/image.mjs';
import { startRegistry } from './demo/registry.mjs';
import { buildImage, copyWorkspace, createWorkspace, findEsbuild, packPlugin } from './demo/workspace.mjs';
import { build, ensureInstalled, root } from './support/prepare.mjs';
import { run } from './support/process.mjs';
import { Tally } from './support/tally.mjs';
import { removeTree } from './support/remove-tree.mjs';

const directory = join(root, '.cache/demo');
const workspace = join(directory, 'workspace');
const tally = new Tally();

/** What follows a build that failed would only show more of the same. */
class Stopped extends Error {}

const heading = (text) => console.log(`\n## ${text}\n`);

/** The table that ends a build's output. */
function tableOf(output) {
  const lines = output.split('\n');
  const start = lines.findIndex((line) => line.includes('STEP ') && line.includes('RESULT'));
  const end = lines.findIndex((line, index) => index > start && line.trim().startsWith('image: '));
  return start < 0 || end < 0 ? undefined : lines.slice(start, end + 1).join('\n');
}

/** What a build with the option `cache` says of stages and image. */
function cacheLinesOf(output) {
  const lines = output.split('\n');
  const start = lines.findIndex((line) => line.startsWith('STAGE ') || line.startsWith('cache: '));
  const end = lines.findIndex((line) => line.startsWith('image: '));
  return start < 0 || end < 0 ? output : lines.slice(start, end + 1).join('\n');
}

/** Builds, shows the table, and gives the steps of the metadata file. */
async function show(from, project, options) {
  const started = performance.now();
  const { code, output, result } = await buildImage(from, project, options);
  const table = tableOf(output);
  console.log(code === 0 && table !== undefined ? table : output);
  console.log(`nx run ${project}:docker-build took ${((performance.now() - started) / 1000).toFixed(1)}s\n`);
  if (!tally.check(`${project} was built`, code === 0 && result !== undefined, `exit code ${code}`))
    throw new Stopped();
  const steps = (result?.['nx-registry-cache']?.steps ?? []).filter((step) => step.outcome !== 'not-needed');
  return {
    digest: result?.['containerimage.digest'],
    steps,
    exports: result?.['nx-registry-cache']?.cacheExports ?? [],
  };
}

const hits = (steps) => steps.filter((step) => step.outcome === 'hit');
/** Steps that do work: the base `scratch` and the contexts are always at hand. */
const instructions = (steps) => steps.filter((step) => /\] (?:RUN|COPY|WORKDIR) /.test(step.name));
const names = (steps) => steps.map((step) => step.name).join(' | ');

function expectAllHits(steps, what) {
  const work = instructions(steps);
  tally.check(
    `${what}: every step is a hit`,
    work.length > 0 && hits(work).length === work.length,
    names(work.filter((step) => step.outcome !== 'hit')),
  );
}

async function demonstrate(registry) {
  const environment = { REGISTRY: registry.host, TOOLS: await findEsbuild(workspace) };
  const here = { state: join(directory, 'state-1'), environment };

  heading('First build of api: nothing is cached, the cache is exported');
  const first = await show(workspace, 'api', here);
  tally.check(
    'nothing was a hit',
    first.steps.length > 0 && hits(instructions(first.steps)).length === 0,
    names(hits(first.steps)),
  );
  tally.check('the cache was exported', first.exports.length === 1 && first.exports[0].manifest !== undefined);

  heading('The same again: nothing runs');
  const again = await show(workspace, 'api', here);
  expectAllHits(again.steps, 'second build');
  tally.check(
    'the image is the same',
    again.digest === first.digest && first.digest !== undefined,
    `${first.digest}, then ${again.digest}`,
  );

  heading('One source file of api changed: its dependencies are hits, its build runs');
  const source = join(workspace, 'apps/api/src/main.ts');
  await writeFile(source, (await readFile(source, 'utf8')).replace('version: 1', 'version: 2'));
  const changed = await show(workspace, 'api', here);
  const dependencies = instructions(changed.steps).filter((step) => step.name.startsWith('[deps '));
  expectAllHits(dependencies, 'stage deps');
  tally.check(
    'the build step ran',
    changed.steps.some((step) => step.outcome === 'executed' && step.name.includes('apps/api/src/main.ts')),
  );
  tally.check('the image is another', changed.digest !== first.digest);

  heading('Build of web on an empty builder: what it shares with api comes from the cache of api');
  const web = await show(workspace, 'web', { state: join(directory, 'state-2'), environment });
  expectAllHits(
    instructions(web.steps).filter((step) => step.name.startsWith('[deps ')),
    'stage deps, built for api',
  );

  heading('Build of api in another checkout, on an empty builder: everything comes from the registry');
  const clone = join(directory, 'workspace-2');
  await copyWorkspace(clone, workspace);
  const elsewhere = await show(clone, 'api', { state: join(directory, 'state-3'), environment });
  expectAllHits(elsewhere.steps, 'api on another machine');
  tally.check(
    'the image is the same',
    elsewhere.digest === changed.digest,
    `${changed.digest}, then ${elsewhere.digest}`,
  );

  heading('The option cache: unchanged on another machine, answered by the registry, without a builder');
  await showStageRefs(registry, environment, changed);

  heading('What lies in the registry');
  await listRegistry(registry.client);

  heading('The pushed image, pulled back');
  await runImage(registry.client);
}

/** The configuration "stages" of the example has the option `cache`. */
async function showStageRefs(registry, environment, expected) {
  const build = async (name) => {
    const clone = join(directory, `workspace-${name}`);
    await copyWorkspace(clone, workspace);
    const state = join(directory, `state-${name}`);
    registry.takeRequests();
    const started = performance.now();
    const { code, output, result } = await buildImage(clone, 'api', { state, environment, configuration: 'stages' });
    const requests = registry.takeRequests();
    const table = code === 0 ? cacheLinesOf(output) : output;
    console.log(table);
    console.log(`nx run api:docker-build:stages took ${((performance.now() - started) / 1000).toFixed(1)}s\n`);
    if (!tally.check('api was built', code === 0 && result !== undefined, `exit code ${code}`)) throw new Stopped();
    return {
      digest: result['containerimage.digest'],
      served: result['nx-registry-cache'].stageRefs?.served,
      requests,
      state,
    };
  };
  console.log('One machine finds the layers in the cache of before, and puts the image under its key:\n');
  const first = await build('4');
  console.log('The next one, which has nothing:\n');
  const { digest, requests, served, state } = await build('5');
  console.log(`${requests.length} requests to the registry:\n${requests.join('\n')}`);
  tally.check('the image is the same', digest === first.digest && digest === expected.digest, digest);
  tally.check('the image was found where it is', served === 'in-place', served);
  tally.check('at most two requests were made', requests.length > 0 && requests.length <= 2, requests.join(' | '));
  tally.check('no builder was started', !existsSync(state), state);
}

async function listRegistry(client) {
  const repositories = await client.repositories();
  for (const repository of repositories) {
    for (const tag of await client.tags(repository)) {
      const { layers, config } = await client.manifest(repository, tag);
      const bytes = layers.reduce((sum, layer) => sum + layer.size, config.size);
      console.log(
        `${`${repository}:${tag}`.padEnd(24)} ${String(layers.length).padStart(2)} layers ${String(bytes).padStart(9)} bytes  ${config.mediaType}`,
      );
    }
  }
  for (const repository of ['acme/api', 'acme/web', 'acme/cache']) {
    tally.check(`${repository} is in the registry`, repositories.includes(repository));
  }
}

async function runImage(client) {
  const rootfs = join(directory, 'image/rootfs');
  const { config, names: files } = await unpackImage(client, 'acme/api', 'latest', rootfs);
  console.log(files.join('\n'));
  console.log(
    `user ${config.config.User}, command ${JSON.stringify(config.config.Cmd)}, labels ${JSON.stringify(config.config.Labels)}`,
  );
  const [program, ...args] = config.config.Cmd;
  tally.check('the image runs node', program === 'node' && config.config.User === '1000:1000');
  const { output } = await run(process.execPath, args, { cwd: join(rootfs, config.config.WorkingDir), capture: true });
  console.log(`it prints ${output.trim()}`);
  tally.check('its program prints what its source says', output === '{"message":"Hello, api!","version":2}\n', output);
}

heading('Setting up');
await ensureInstalled();
if ((await build()) !== 0) throw new Error('the plugin does not compile');
await removeTree(directory);
await mkdir(directory, { recursive: true });
console.log('packing the plugin and installing it into a copy of examples/workspace');
await createWorkspace(workspace, await packPlugin(join(directory, 'package')));
const registry = await startRegistry(workspace, join(directory, 'registry'));
console.log(`registry on ${registry.host}`);
try {
  await demonstrate(registry);
} catch (error) {
  if (!(error instanceof Stopped)) throw error;
} finally {
  await registry.stop();
}
console.log();
tally.close();
