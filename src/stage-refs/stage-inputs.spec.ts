import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { parseDockerfile } from '../dockerfile/parse';
import { convertDockerfile } from '../llb/convert';
import { digestOf } from '../oci/digest';
import { mediaTypes } from '../oci/media-types';
import { ProbeWorker } from './probe-worker';
import { collectStageInputs, stageKeyOf, type StageInputs } from './stage-inputs';
import { VertexKeys } from './vertex-keys';

interface Given {
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly architecture?: string;
  readonly baseVersion?: string;
}

/** The inputs of the stages that the last one needs; every base image is one of `baseVersion`. */
async function inputsOf(t: TestContext, text: string, given: Given = {}): Promise<readonly StageInputs[]> {
  const { buildArgs = {}, architecture = 'amd64', baseVersion = '1' } = given;
  const directory = await mkdtemp(join(tmpdir(), 'nxrc-inputs-'));
  t.after(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, 'used'), 'used');
  await writeFile(join(directory, 'unused'), String(Math.random()));
  const { dockerfile } = parseDockerfile({ path: 'Dockerfile', text });
  const conversion = await convertDockerfile(
    { dockerfile, buildArgs, platform: { os: 'linux', architecture } },
    {
      resolveImage: ({ repository }, platform) =>
        Promise.resolve({
          manifest: { mediaType: mediaTypes.ociManifest, digest: digestOf(`${repository} ${baseVersion}`), size: 1 },
          config: { ...platform, rootfs: { type: 'layers', diff_ids: [digestOf('layer')] } },
        }),
    },
  );
  assert.ok(conversion.root, JSON.stringify(conversion.diagnostics));
  const directories = new Map([['context', directory]]);
  const worker = new ProbeWorker({
    directories,
    images: undefined as never,
    http: undefined as never,
    git: undefined as never,
  });
  const keys = new VertexKeys({ worker, directories });
  const argumentNames = new Set(['VERSION', 'TOKEN']);
  const options = { dockerfile, conversion, keys, argumentNames };
  const inputs = await Promise.all(conversion.stages.map((stage) => collectStageInputs(stage, options)));
  for (const [index, stage] of conversion.stages.entries()) {
    assert.equal(inputs[index]?.key, await stageKeyOf(stage, keys));
  }
  return inputs;
}

const text = [
  'FROM node:22 AS deps',
  'COPY used /',
  'FROM node:22 AS unneeded',
  'RUN false',
  'FROM node:22 AS app',
  'ARG VERSION',
  'RUN make $VERSION',
  'COPY --from=deps /used /',
].join('\n');

async function keysOf(t: TestContext, given: Given = {}, dockerfile = text): Promise<Readonly<Record<string, string>>> {
  const inputs = await inputsOf(t, dockerfile, given);
  return Object.fromEntries(inputs.map(({ key, stage }) => [stage, key]));
}

test('a stage is known by what it is made from, and by nothing else', async (t) => {
  const [deps, app, ...others] = await inputsOf(t, text, { buildArgs: { VERSION: '1' } });
  assert.deepEqual(others, []);
  assert.deepEqual([deps?.stage, app?.stage], ['deps', 'app']);
  assert.ok(deps && app);
  assert.deepEqual(Object.keys(deps.images), ['node:22']);
  assert.deepEqual(
    deps.instructions[0]?.files?.map(([path, mode, size]) => [path, mode, size]),
    [['used', '644', 4]],
  );
  assert.deepEqual(app.stages, { deps: deps.key });
  assert.deepEqual(Object.keys(app.args), ['VERSION']);
});

test('another machine with other files that are not copied has the same keys', async (t) => {
  assert.deepEqual(await keysOf(t), await keysOf(t));
});

test('whatever can change the result changes the keys of the stages that it reaches', async (t) => {
  const before = await keysOf(t, { buildArgs: { VERSION: '1' } });
  const changed = async (given: Given, dockerfile?: string): Promise<readonly string[]> => {
    const now = await keysOf(t, { buildArgs: { VERSION: '1' }, ...given }, dockerfile);
    return Object.keys(now).filter((stage) => now[stage] !== before[stage]);
  };
  assert.deepEqual(await changed({ buildArgs: { VERSION: '2' } }), ['app']);
  assert.deepEqual(await changed({ buildArgs: { VERSION: '1', OTHER: '2' } }), []);
  assert.deepEqual(await changed({ baseVersion: '2' }), ['deps', 'app']);
  assert.deepEqual(await changed({ architecture: 'arm64' }), ['deps', 'app']);
  assert.deepEqual(await changed({}, text.replace('used /', 'used /x')), ['deps', 'app']);
  assert.deepEqual(await changed({}, text.replace('RUN false', 'RUN true')), []);
  assert.deepEqual(await changed({}, text.replace('make', 'make all')), ['app']);
  assert.deepEqual(await changed({}, `# A comment.\n${text}\nCMD ["x"]`), []);
});

test('values of arguments are not kept', async (t) => {
  const dockerfile = 'FROM node:22\nARG TOKEN\nRUN fetch --token=$TOKEN\nADD used /';
  const inputs = await inputsOf(t, dockerfile, { buildArgs: { TOKEN: 'hunter2' } });
  assert.match(inputs[0]?.args['TOKEN'] ?? 'none', /^[0-9a-f]{16}$/);
  assert.doesNotMatch(JSON.stringify(inputs), /hunter2/);
});
