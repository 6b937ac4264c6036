import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { NxWorkspace } from './testing/nx-workspace';

const mistaken = `# syntax=docker/dockerfile:1
FROM scratch AS base
COPY --form=base a b
WORKDIR
HEALTHCHECK --interval=often CMD true
STOPSIGNAL
RUN --mount=type=magic true
ENV
SHELL bash
ADD alone
ADD --checksum=md5:abc https://example.com/file /
EXPOSE http
NONSENSE here
LABEL "unclosed
ONBUILD FROM scratch
`;

let shared: Promise<NxWorkspace> | undefined;
const workspace = (): Promise<NxWorkspace> => (shared ??= NxWorkspace.create());
after(async () => (await shared)?.[Symbol.asyncDispose]());

const build = (state: string, ...args: readonly string[]): readonly string[] => [
  ...['run', 'api:docker-build', '--outputStyle=static', '--progress=plain', `--stateDir=${state}`],
  ...args,
];

test('a Dockerfile with ten mistakes prints ten diagnostics and starts nothing', async () => {
  const nx = await workspace();
  const file = join(nx.root, 'apps/api/Dockerfile.wrong');
  await writeFile(file, mistaken);
  const state = join(nx.directory, 'untouched');
  const { code, output } = await nx.nx(build(state, '--file=apps/api/Dockerfile.wrong'), { REGISTRY: '127.0.0.1:1' });
  assert.notEqual(code, 0, output);
  const lines = [...output.matchAll(/Dockerfile\.wrong:(\d+):\d+: error/g)].map(([, line]) => Number(line));
  assert.deepEqual(
    [...new Set(lines)].sort((a, b) => a - b),
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    output,
  );
  assert.ok(!existsSync(state), 'a directory of state was made');
});

test('mistakes in options and in the Dockerfile are told all at once', async () => {
  const nx = await workspace();
  await writeFile(join(nx.root, 'apps/api/Dockerfile.port'), 'FROM scratch\nEXPOSE http\n');
  const state = join(nx.directory, 'untouched');
  const wrong = [
    '--shmSize=huge',
    '--platform=amiga',
    '--cacheTo=mode=max',
    '--secrets=src=not-there',
    '--ulimits=many',
    '--file=apps/api/Dockerfile.port',
  ];
  const { code, output } = await nx.nx(build(state, ...wrong), { REGISTRY: '127.0.0.1:1' });
  assert.notEqual(code, 0, output);
  for (const option of ['shmSize', 'platform', 'cacheTo[0]', 'secrets[0]', 'ulimits[0]', 'Dockerfile.port:2:8']) {
    assert.ok(output.includes(option), `${option} in ${output}`);
  }
  assert.ok(!existsSync(state), 'a directory of state was made');
});

test('a target that depends on the registry finds it ready, with its image in it', async () => {
  const nx = await workspace();
  const project = join(nx.root, 'project.json');
  const apps = join(nx.root, 'apps/api/project.json');
  const before = [await readFile(project, 'utf8'), await readFile(apps, 'utf8')] as const;
  const port = 20_000 + (process.pid % 20_000);
  const withPort = JSON.parse(before[0]) as { targets: { 'local-registry': { options: Record<string, unknown> } } };
  withPort.targets['local-registry'].options = { port, root: join(nx.directory, 'served') };
  const depending = JSON.parse(before[1]) as { targets: { 'docker-build': Record<string, unknown> } };
  depending.targets['docker-build']['dependsOn'] = [{ projects: ['workspace'], target: 'local-registry' }];
  await writeFile(project, JSON.stringify(withPort));
  await writeFile(apps, JSON.stringify(depending));
  try {
    const { code, output } = await nx.nx(build(join(nx.directory, 'state')), { REGISTRY: `127.0.0.1:${port}` });
    assert.equal(code, 0, output);
    assert.match(output, /image: sha256:[0-9a-f]{64}/);
    assert.ok(existsSync(join(nx.directory, 'served')), 'nothing was served');
    await assert.rejects(fetch(`http://127.0.0.1:${port}/v2/`), 'the registry still runs');
  } finally {
    await writeFile(project, before[0]);
    await writeFile(apps, before[1]);
  }
});

test('--help shows the options', async () => {
  const nx = await workspace();
  const { code, output } = await nx.nx(['run', 'api:docker-build', '--help']);
  assert.equal(code, 0, output);
  for (const option of ['cacheFrom', 'cacheTo', 'progress', 'stateDir']) assert.ok(output.includes(option), output);
});

for (const version of ['22', '23']) {
  test(`nx run works with Nx ${version}`, async () => {
    await using nx = await NxWorkspace.create({ nx: version });
    const state = join(nx.directory, 'state');
    const project = join(nx.root, 'apps/api/project.json');
    const config = JSON.parse(await readFile(project, 'utf8')) as {
      targets: { 'docker-build': { options: Record<string, unknown> } };
    };
    Object.assign(config.targets['docker-build'].options, {
      push: false,
      cacheTo: [`type=local,dest=${join(nx.directory, 'cache')},mode=max`],
      cacheFrom: [],
      outputs: [`type=oci,tar=false,dest=${join(nx.directory, 'image')}`],
    });
    await writeFile(project, JSON.stringify(config));
    const { code, output } = await nx.nx(build(state), { REGISTRY: '127.0.0.1:1' });
    assert.equal(code, 0, output);
    assert.ok(existsSync(join(nx.directory, 'image/index.json')), output);
  });
}
