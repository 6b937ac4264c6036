import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addProjectConfiguration, readProjectConfiguration, type Tree } from '@nx/devkit';
import { createTreeWithEmptyWorkspace } from '@nx/devkit/testing';
import type { Dockerfile } from '../../src/dockerfile/ast';
import { parseDockerfile } from '../../src/dockerfile/parse';
import { lintDockerfile } from '../../src/dockerfile/lint';
import init from '../init/generator';
import dockerBuild, { type DockerBuildGeneratorOptions } from './generator';

async function workspace(files: Readonly<Record<string, string>> = {}): Promise<Tree> {
  const tree = createTreeWithEmptyWorkspace();
  await init(tree, { registry: 'r.test/acme', skipPackageJson: true });
  tree.write('package-lock.json', '{}');
  const outputs = ['{workspaceRoot}/dist/apps/api'];
  addProjectConfiguration(tree, 'api', {
    root: 'apps/api',
    targets: { build: { executor: '@nx/esbuild:esbuild', outputs } },
  });
  for (const [path, text] of Object.entries(files)) tree.write(path, text);
  return tree;
}

function generated(tree: Tree, options: Partial<DockerBuildGeneratorOptions> = {}): { text: string; ast: Dockerfile } {
  dockerBuild(tree, { project: 'api', ...options });
  const text = tree.read('apps/api/Dockerfile', 'utf8')!;
  const { dockerfile, diagnostics } = parseDockerfile({ path: 'Dockerfile', text });
  assert.deepEqual(diagnostics, [], text);
  assert.deepEqual(lintDockerfile(dockerfile), [], text);
  return { text, ast: dockerfile };
}

const instructions = ({ stages }: Dockerfile, kind: string): readonly string[] =>
  stages.flatMap((stage) => stage.instructions.filter((item) => item.kind === kind).map(({ source }) => source));

test('a Node server: pruned production dependencies in a stage of their own, the build from outside, no root', async () => {
  const { ast } = generated(await workspace({ 'apps/api/src/main.ts': '' }));
  assert.deepEqual(
    ast.stages.map(({ name }) => name),
    ['deps', 'runtime'],
  );
  assert.deepEqual(instructions(ast, 'RUN'), ['RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev']);
  assert.deepEqual(instructions(ast, 'COPY'), [
    'COPY package.json package-lock.json ./',
    'COPY --from=deps /app ./',
    'COPY dist/apps/api ./',
  ]);
  assert.deepEqual(instructions(ast, 'USER'), ['USER 1000:1000']);
  assert.deepEqual(instructions(ast, 'CMD'), ['CMD ["node","main.js"]']);
});

test('a package.json that the build makes prunes the dependencies to those of the project', async () => {
  const tree = await workspace();
  tree.write(
    'apps/api/project.json',
    JSON.stringify({
      name: 'api',
      targets: { build: { options: { outputPath: 'out/api', generatePackageJson: true } } },
    }),
  );
  const { ast } = generated(tree, { kind: 'node' });
  assert.equal(instructions(ast, 'COPY')[0], 'COPY out/api/package.json out/api/package-lock.json ./');
});

test('members of the workspaces of a package manager install what they need', async () => {
  const tree = await workspace({ 'package.json': '{"name":"acme","workspaces":["apps/*","libs/*"]}' });
  const { ast } = generated(tree, { kind: 'node' });
  assert.match(
    instructions(ast, 'COPY')[0]!,
    /^COPY --parents package.json package-lock.json apps\/\*\/package.json libs/,
  );
  assert.match(instructions(ast, 'RUN')[0]!, /npm ci --omit=dev --workspace=apps\/api/);
});

for (const [lockfile, command] of [
  ['pnpm-lock.yaml', /pnpm install --prod --frozen-lockfile/],
  ['yarn.lock', /yarn install --production --frozen-lockfile/],
  ['bun.lock', /bun install --production --frozen-lockfile/],
] as const) {
  test(`${lockfile} chooses its package manager`, async () => {
    const tree = await workspace();
    tree.delete('package-lock.json');
    tree.write(lockfile, '');
    assert.match(instructions(generated(tree, { kind: 'node' }).ast, 'RUN')[0]!, command);
  });
}

test('Next: the standalone server, and an ignore file that lets its packages in', async () => {
  const tree = await workspace({ 'apps/api/next.config.js': "output: 'standalone'", 'apps/api/public/x': '' });
  const { ast } = generated(tree, { output: 'apps/api/.next' });
  assert.equal(instructions(ast, 'COPY').length, 3);
  assert.deepEqual(instructions(ast, 'USER'), ['USER 1000:1000']);
  assert.match(tree.read('apps/api/Dockerfile.dockerignore', 'utf8')!, /^\*\*\n!apps\/api\/.next\/standalone$/m);
});

test('a static site is served by an image that has no root', async () => {
  const { ast } = generated(await workspace({ 'apps/api/index.html': '' }));
  assert.deepEqual(instructions(ast, 'USER'), ['USER 101']);
  assert.match(instructions(ast, 'COPY').at(-1)!, /^COPY dist\/apps\/api /);
});

test('what is neither gets a start', async () => {
  const { ast } = generated(await workspace());
  assert.deepEqual(instructions(ast, 'USER'), ['USER 1000:1000']);
});

test('a Dockerfile and an ignore file that are there stay, unless --force', async () => {
  const tree = await workspace({ 'apps/api/Dockerfile': 'FROM mine\n', '.dockerignore': 'mine\n' });
  dockerBuild(tree, { project: 'api', kind: 'node' });
  assert.equal(tree.read('apps/api/Dockerfile', 'utf8'), 'FROM mine\n');
  dockerBuild(tree, { project: 'api', kind: 'node', force: true });
  assert.notEqual(tree.read('apps/api/Dockerfile', 'utf8'), 'FROM mine\n');
  assert.equal(tree.read('.dockerignore', 'utf8'), 'mine\n');
});

test('only options that differ from the plugin are written; without the plugin the whole target', async () => {
  const tree = await workspace();
  dockerBuild(tree, { project: 'api' });
  assert.equal(readProjectConfiguration(tree, 'api').targets?.['docker-build'], undefined);
  dockerBuild(tree, { project: 'api', platforms: ['linux/arm64'] });
  const target = readProjectConfiguration(tree, 'api').targets?.['docker-build'];
  assert.deepEqual(target, { options: { platforms: ['linux/arm64'] } });

  tree.write('nx.json', '{}');
  tree.write('apps/api/project.json', '{"name":"api"}');
  dockerBuild(tree, { project: 'api', tags: ['r.test/x'] });
  const whole = readProjectConfiguration(tree, 'api').targets?.['docker-build'];
  assert.equal(whole?.executor, 'nx-registry-cache:docker-build');
  assert.deepEqual(whole.dependsOn, ['build']);
  assert.deepEqual((whole.options as { tags: unknown }).tags, ['r.test/x']);
});
