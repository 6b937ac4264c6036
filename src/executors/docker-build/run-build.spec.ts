import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CodedError } from '../../diagnostics/coded-error';
import type { BuildOutcome, Engine } from '../../engine/contract';
import { digestOf } from '../../oci/digest';
import { repositoryRoot } from '../../testing/repository-root';
import type { DockerBuildOptions } from '../../workspace/docker-build-options';
import { runBuild } from './run-build';

const outcome: BuildOutcome = {
  image: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf('image'), size: 1 },
  steps: [],
  cacheExports: [],
  warnings: [],
  metadata: {},
};

interface Rig {
  readonly root: string;
  readonly run: (options: DockerBuildOptions) => Promise<{ readonly success: boolean; readonly output: string }>;
}

async function rig(
  t: TestContext,
  build: Engine['build'],
  { signal = new AbortController().signal, env = {} }: { signal?: AbortSignal; env?: Record<string, string> } = {},
): Promise<Rig> {
  const root = await mkdtemp(join(tmpdir(), 'nxrc-executor-'));
  t.after(() => rm(root, { recursive: true }));
  await writeFile(join(root, 'Dockerfile'), 'FROM scratch\n');
  return {
    root,
    run: async (options) => {
      let output = '';
      const hostPlatform = { os: 'linux', architecture: 'amd64' };
      const { success } = await runBuild(
        options,
        { workspaceRoot: root, projectName: 'api', projectRoot: '.', env, homeDirectory: root, hostPlatform },
        {
          write: (text) => void (output += text),
          now: () => 0,
          isTerminal: false,
          terminalSize: () => ({ columns: 80, rows: 24 }),
          isVerbose: false,
          signal,
          createEngine: () => Promise.resolve({ name: 'embedded', build }),
        },
      );
      return { success, output };
    },
  };
}

test('a build prints its summary and writes the metadata file', async (t) => {
  const { root, run } = await rig(t, () => Promise.resolve(outcome));
  const { success, output } = await run({ metadataFile: 'dist/image.json' });
  assert.equal(success, true);
  assert.match(output, new RegExp(`image: ${digestOf('image')}\n$`));
  const metadata = JSON.parse(await readFile(join(root, 'dist/image.json'), 'utf8')) as Record<string, unknown>;
  assert.equal(metadata['containerimage.digest'], digestOf('image'));
});

test('the image file says where the image is, and nothing that differs from run to run', async (t) => {
  const { root, run } = await rig(t, () => Promise.resolve(outcome));
  const options = { imageFile: 'dist/image.json', outputs: ['type=oci,dest=dist/layout,tar=false'] };
  assert.equal((await run(options)).success, true);
  const image = JSON.parse(await readFile(join(root, 'dist/image.json'), 'utf8')) as unknown;
  assert.deepEqual(image, { digest: digestOf('image'), repositories: [], layouts: ['layout'] });
});

test('quiet prints the digest alone, rawjson nothing but JSON', async (t) => {
  const { run } = await rig(t, () => Promise.resolve(outcome));
  assert.equal((await run({ progress: 'quiet' })).output, `${digestOf('image')}\n`);
  assert.equal((await run({ progress: 'rawjson' })).output, '');
});

test('mistakes in options are printed together, and nothing is built', async (t) => {
  const { run } = await rig(t, () => assert.fail('the engine was called'));
  const { success, output } = await run({ push: true, shmSize: 'much' });
  assert.equal(success, false);
  assert.match(output, /tags: error OPTION_MISSING/);
  assert.match(output, /shmSize: error OPTION_INVALID/);
});

test('a coded error is printed with its hint and without a stack', async (t) => {
  const error = new CodedError('SECRET_MISSING', 'no such secret', { id: 'x' }, { hint: 'give it' });
  const { run } = await rig(t, () => Promise.reject(error));
  assert.deepEqual(await run({}), {
    success: false,
    output: 'error SECRET_MISSING: no such secret\n  hint: give it\n',
  });
});

test('what the operating system refuses is printed with a code and without a stack', async (t) => {
  const { root, run } = await rig(t, () => mkdir(join(root, 'Dockerfile/sub')).then(() => outcome));
  const { success, output } = await run({});
  assert.equal(success, false);
  assert.match(
    output,
    /^error FILE_SYSTEM: not a directory \(ENOTDIR at mkdir of .*Dockerfile\/sub\)\n {2}hint: .*\n$/,
  );
});

test('mistakes in a Dockerfile are printed with their place', async (t) => {
  const location = { file: 'Dockerfile', line: 2, column: 1, lineText: 'RUNN x' };
  const diagnostics = [{ code: 'DOCKERFILE_X', severity: 'error', message: 'no RUNN', location }] as const;
  const error = new CodedError('BUILD_INPUT_INVALID', 'Dockerfile has 1 error', { diagnostics });
  const { run } = await rig(t, () => Promise.reject(error));
  assert.equal(
    (await run({})).output,
    'Dockerfile:2:1: error DOCKERFILE_X: no RUNN\n  | RUNN x\n  | ^\nDockerfile has 1 error\n',
  );
});

test('a bug shows its stack', async (t) => {
  const { run } = await rig(t, () => Promise.reject(new TypeError('x is not a function')));
  assert.match((await run({})).output, /TypeError: x is not a function\n {4}at /);
});

test('an interrupted build says so', async (t) => {
  const { run } = await rig(t, () => Promise.reject(new Error('aborted')), { signal: AbortSignal.abort() });
  assert.deepEqual(await run({}), { success: false, output: 'the build was interrupted\n' });
});

test('values of secrets appear nowhere in the output, errors included', async (t) => {
  const { run } = await rig(
    t,
    (_, { progress }) => {
      progress({ kind: 'warning', code: 'W', message: 'hunter2 in a warning' });
      return Promise.reject(new Error('hunter2 in an error'));
    },
    { env: { TOKEN: 'hunter2' } },
  );
  const { output } = await run({ secrets: ['id=token,env=TOKEN'] });
  assert.match(output, /\*\*\* in a warning[^]*\*\*\* in an error/);
  assert.doesNotMatch(output, /hunter2/);
});

test('schema.json describes exactly the options that are read, with a description for each', async () => {
  const folder = join(repositoryRoot(), 'src');
  const schema = JSON.parse(await readFile(join(folder, 'executors/docker-build/schema.json'), 'utf8')) as {
    readonly version: number;
    readonly additionalProperties: boolean;
    readonly properties: Readonly<Record<string, { readonly description?: string }>>;
  };
  const source = await readFile(join(folder, 'workspace/docker-build-options.ts'), 'utf8');
  const declared = [...source.slice(source.indexOf('interface DockerBuildOptions')).matchAll(/readonly (\w+)\?:/g)];
  assert.deepEqual(Object.keys(schema.properties).sort(), declared.map(([, name]) => name).sort());
  assert.deepEqual([schema.version, schema.additionalProperties], [2, false]);
  const undescribed = Object.entries(schema.properties).filter(([, property]) => property.description === undefined);
  assert.deepEqual(undescribed, []);
});

test('options that mean nothing without cache have no default, since Nx would give it to every build', async () => {
  const path = join(repositoryRoot(), 'src/executors/docker-build/schema.json');
  const { properties } = JSON.parse(await readFile(path, 'utf8')) as {
    readonly properties: Readonly<Record<string, { readonly default?: unknown }>>;
  };
  for (const option of ['verify', 'trust', 'untrustedCache'])
    assert.equal(properties[option]?.default, undefined, option);
});
