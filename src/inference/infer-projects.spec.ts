import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { test } from 'node:test';
import type { TargetConfiguration } from '@nx/devkit';
import { TemporaryDirectory } from '../testing/temporary-directory';
import { inferProjects } from './infer-projects';
import type { PluginOptions } from './plugin-options';

type Files = Readonly<Record<string, string>>;
type Targets = Readonly<Record<string, TargetConfiguration<Readonly<Record<string, unknown>>>>>;

async function writeFiles(directory: TemporaryDirectory, files: Files): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(directory.join(path)), { recursive: true });
    await writeFile(directory.join(path), text);
  }
}

/** Inferred targets by project root. */
async function infer(
  files: Files,
  { options, targetDefaults }: { readonly options?: PluginOptions; readonly targetDefaults?: object } = {},
): Promise<Readonly<Record<string, Targets>>> {
  await using directory = await TemporaryDirectory.create();
  await writeFiles(directory, files);
  const results = inferProjects(Object.keys(files), {
    pluginOptions: options,
    workspaceRoot: directory.path,
    targetDefaults,
  });
  const projects: Record<string, Targets> = {};
  for (const [, { projects: found = {} }] of results) {
    for (const [root, { targets = {} }] of Object.entries(found)) {
      projects[root] = { ...projects[root], ...(targets as Targets) };
    }
  }
  return projects;
}

const project = (name: string, targets: object = {}): string => JSON.stringify({ name, targets });

test('a Dockerfile outside of all projects gives nothing, and so does a package.json that is no member', async () => {
  const projects = await infer({
    'package.json': '{"name":"acme","workspaces":["packages/*","!packages/old"]}',
    'tools/Dockerfile': 'FROM scratch',
    Dockerfile: 'FROM scratch',
    'fixtures/package.json': '{"name":"fixture"}',
    'fixtures/Dockerfile': 'FROM scratch',
    'packages/old/package.json': '{"name":"old"}',
    'packages/old/Dockerfile': 'FROM scratch',
    'packages/a/package.json': '{"name":"@acme/a"}',
    'packages/a/Dockerfile': 'FROM scratch',
  });
  assert.deepEqual(Object.keys(projects), ['packages/a']);
});

test('the root is a project with a project.json, or with nx in its package.json', async () => {
  const dockerfile = 'FROM scratch\nCOPY dist/main.js src ./\n';
  for (const files of [
    { 'package.json': '{"name":"acme","nx":{"targets":{"docker-build":{"options":{"target":"x"}}}}}' },
    { 'project.json': project('acme') },
  ] as Files[]) {
    const projects = await infer({ ...files, Dockerfile: dockerfile });
    const target = projects['.']?.['docker-build'];
    assert.equal(target?.options?.['file'], 'Dockerfile');
    assert.deepEqual(target.outputs, ['{workspaceRoot}/dist/.nx-registry-cache/docker-build.json']);
    assert.deepEqual(target.dependsOn, ['build']);
    assert.ok(target.inputs?.includes('{workspaceRoot}/src/**/*'));
  }
});

test('members of pnpm workspaces are found in either style', async () => {
  for (const yaml of ['packages:\n  # ours\n  - "packages/*" # all\nother:\n  - x\n', "packages: ['packages/*']\n"]) {
    const projects = await infer({
      'pnpm-workspace.yaml': yaml,
      'packages/a/package.json': '{"name":"a"}',
      'packages/a/Dockerfile': 'FROM scratch',
      'x/package.json': '{"name":"x"}',
      'x/Dockerfile': 'FROM scratch',
    });
    assert.deepEqual(Object.keys(projects), ['packages/a'], yaml);
  }
});

test('a broken Dockerfile has a target as well', async () => {
  const projects = await infer({ 'a/project.json': '{', 'a/Dockerfile': 'FRM x\n"', 'a/Dockerfile.x': '' });
  assert.deepEqual(Object.keys(projects['a'] ?? {}).sort(), ['docker-build', 'docker-build-x']);
});

test('builds whose results are copied come first: by outputs, defaults of nx.json, and usual places', async () => {
  const bundle = { outputs: ['{options.dest}'], options: { dest: '{workspaceRoot}/custom/{projectName}' } };
  const copies = ['dist/apps/api', 'custom/web', 'libs/ui/dist/x.css', 'bundles/*', 'docs/src'];
  const projects = await infer(
    {
      'apps/api/project.json': project('api'),
      'apps/api/Dockerfile': `FROM scratch\n${copies.map((path) => `COPY ${path} /x/\n`).join('')}`,
      'apps/web/project.json': project('web', { bundle }),
      'libs/ui/project.json': project('ui'),
      'libs/x/project.json': project('x', { pack: {} }),
      'docs/project.json': project('docs'),
    },
    { targetDefaults: { pack: { outputs: ['{workspaceRoot}/bundles'] } } },
  );
  assert.deepEqual(projects['apps/api']?.['docker-build']?.dependsOn, [
    'build',
    { target: 'build', projects: ['ui'] },
    { target: 'bundle', projects: ['web'] },
    { target: 'pack', projects: ['x'] },
  ]);
});

test('images of projects come first: of FROM, ARG, COPY --from and build contexts, by name or slug', async () => {
  const buildContexts = { other: 'nx-project:@acme/other', gone: 'nx-project:gone' };
  const projects = await infer({
    'app/project.json': project('app', { 'docker-build': { options: { buildContexts } } }),
    'app/Dockerfile':
      'ARG BASE=nx-project:base\nFROM $BASE\nCOPY --from=nx-project:acme-tools /x /x\nCOPY --from=other /y /y\n',
    'base/project.json': project('base'),
    'base/Dockerfile': 'FROM scratch',
    'tools/project.json': project('@acme/tools'),
    'other/project.json': project('@acme/other'),
  });
  assert.deepEqual(projects['app']?.['docker-build']?.dependsOn, [
    { target: 'docker-build', projects: ['@acme/other', '@acme/tools', 'base'] },
  ]);
  const base = projects['base']?.['docker-build'];
  assert.match(JSON.stringify(base?.options), /type=oci,dest=[^"]*docker-build.layout,tar=false/);
  assert.deepEqual((base?.configurations?.['ci'] as { readonly outputs: unknown }).outputs, []);
});

test('nothing of a single run is in a target: no commit, date or value of a variable', async () => {
  const projects = await infer(
    { 'a/project.json': project('a'), 'a/Dockerfile': 'FROM scratch' },
    {
      options: {
        image: '{projectSlug}/{branch}',
        tags: ['{shortSha}', '${TAG:-x}'],
        options: { buildArgs: ['TOKEN', 'A=$B'] },
      },
    },
  );
  const target = projects['a']?.['docker-build'];
  assert.deepEqual(target?.options?.['tags'], [
    '${NX_DOCKER_CACHE_REGISTRY:-localhost:5000}/{projectSlug}/{branch}:{shortSha}',
    '${NX_DOCKER_CACHE_REGISTRY:-localhost:5000}/{projectSlug}/{branch}:${TAG:-x}',
  ]);
  // Variables that change the image are inputs; those that only name it are not.
  const variables = target.inputs?.filter((input) => typeof input === 'object' && 'env' in input);
  assert.deepEqual(variables, [{ env: 'SOURCE_DATE_EPOCH' }, { env: 'B' }, { env: 'TOKEN' }]);
});

test("the project's own target says which context and stage are used", async () => {
  const own = { 'docker-build': { options: { context: '{projectRoot}', target: 'a' } } };
  const projects = await infer({
    'app/project.json': project('app', own),
    'app/Dockerfile': 'FROM scratch AS a\nCOPY src /\nFROM scratch\nCOPY other /\n',
  });
  const inputs = projects['app']?.['docker-build']?.inputs ?? [];
  assert.ok(inputs.includes('{workspaceRoot}/app/src/**/*'));
  assert.ok(inputs.includes('{workspaceRoot}/app/.dockerignore'));
  assert.ok(!JSON.stringify(inputs).includes('other'));
});

test('folders of named contexts are inputs, with their own ignore files', async () => {
  const own = { 'docker-build': { options: { buildContexts: { Tools: 'tools', all: '{workspaceRoot}/all' } } } };
  const projects = await infer({
    'app/project.json': project('app', own),
    'app/Dockerfile': 'FROM all\nCOPY --from=tools bin /\n',
  });
  const inputs = projects['app']?.['docker-build']?.inputs ?? [];
  for (const input of ['tools/bin/**/*', 'tools/.dockerignore', 'all/**/*', 'all/.dockerignore']) {
    assert.ok(inputs.includes(`{workspaceRoot}/${input}`), input);
  }
});

test('options of the plugin reach every target', async () => {
  const projects = await infer(
    { 'a/project.json': project('a'), 'a/Dockerfile': 'FROM scratch', 'a/x.Dockerfile': 'FROM scratch' },
    {
      options: {
        registry: 'r.test/acme/',
        cache: 'r.test/c',
        trust: 'strict',
        untrustedCache: 'r.test/c-other',
        compression: 'zstd',
        targetName: 'image',
        ciConfiguration: 'prod',
        engine: 'embedded',
        options: { platforms: ['linux/arm64'] },
      },
    },
  );
  const { image, 'image-x': other } = projects['a'] ?? {};
  const options = image?.options ?? {};
  assert.deepEqual(options['tags'], ['r.test/acme/{projectSlug}:latest']);
  assert.deepEqual(
    ['cache', 'trust', 'untrustedCache', 'cacheAccess', 'outputs'].map((key) => options[key]),
    ['r.test/c', 'strict', 'r.test/c-other', 'read-only', ['type=image,compression=zstd']],
  );
  assert.deepEqual([options['engine'], options['platforms']], ['embedded', ['linux/arm64']]);
  assert.deepEqual(image?.configurations?.['prod'], {
    tags: ['r.test/acme/{projectSlug}:{sha}'],
    push: true,
    cacheAccess: 'read-write',
  });
  assert.deepEqual(other?.options?.['tags'], ['r.test/acme/{projectSlug}-x:latest']);
});

test('wrong options are told all at once, with the nearest name', async () => {
  const options = { registri: 'x', trust: 'most', tags: [] } as unknown as PluginOptions;
  const expected = /did you mean "registry".*"trust" has to be protected, strict or open.*"tags"/s;
  await assert.rejects(infer({ 'a/Dockerfile': '' }, { options }), expected);
});

test('500 Dockerfiles take less than a second', async (t) => {
  const files: Record<string, string> = {};
  for (let index = 0; index < 500; index++) {
    const root = `apps/app-${index}`;
    files[`${root}/project.json`] = project(`app-${index}`, { build: { outputs: [`{workspaceRoot}/dist/${root}`] } });
    files[`${root}/Dockerfile`] = [
      'FROM node:22 AS deps',
      'WORKDIR /app',
      'COPY package.json package-lock.json ./',
      'RUN npm ci',
      'FROM node:22',
      'COPY --from=deps /app ./',
      `COPY dist/${root} libs/shared ./`,
      'USER 1000',
      'CMD ["node", "main.js"]',
    ].join('\n');
  }
  await using directory = await TemporaryDirectory.create();
  await writeFiles(directory, files);
  const times: number[] = [];
  for (let round = 0; round < 3; round++) {
    const started = performance.now();
    const options = { pluginOptions: {}, workspaceRoot: directory.path, targetDefaults: {} };
    assert.equal(inferProjects(Object.keys(files), options).length, 500);
    times.push(performance.now() - started);
  }
  t.diagnostic(`500 Dockerfiles: ${times.map((time) => time.toFixed(0)).join(', ')} ms`);
  // The best of three: the machine may be busy with other tests.
  assert.ok(Math.min(...times) < 1000, `${times.join(', ')} ms`);
});
