import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startRegistryServer } from '../../src/registry-server/server';
import { TemporaryDirectory } from '../../src/testing/temporary-directory';
import { packPlugin } from './nx-install';
import { makeNodeRoot } from './node-root';
import { NxWorkspace } from './nx-workspace';

const json = (value: object): string => JSON.stringify(value, undefined, 2);
const executor = 'nx:run-commands';

const files = {
  'package-lock.json': json({ name: 'acme', lockfileVersion: 3, packages: { '': { name: 'acme' } } }),
  'images/base/project.json': json({ name: '@acme/base' }),
  'images/base/Dockerfile': 'FROM scratch\nCOPY images/base/etc /etc\nENV FROM_BASE=1\n',
  'images/base/etc/release': '1',
  'apps/web/project.json': json({
    name: 'web',
    targets: {
      build: {
        executor,
        options: { command: 'mkdir -p dist/apps/web && cp apps/web/index.html dist/apps/web' },
        outputs: ['{workspaceRoot}/dist/apps/web'],
      },
      'docker-build': { options: { buildArgs: { BASE_IMAGE: 'nx-project:acme-base' } } },
    },
  }),
  'apps/web/index.html': '1',
};

interface Image {
  readonly digest: string;
  readonly repositories: readonly string[];
  readonly layouts: readonly string[];
}

function imageOf(workspace: NxWorkspace, root: string): Image {
  const file = join(workspace.root, 'dist/.nx-registry-cache', root, 'docker-build.json');
  return JSON.parse(readFileSync(file, 'utf8')) as Image;
}

test('an image of a project is built first, used by the digest that was just built, and pushed where CI pushes', async () => {
  await using directory = await TemporaryDirectory.create();
  await using registry = await startRegistryServer({ root: directory.join('registry'), host: '127.0.0.1', port: 0 });
  const env = { NX_DOCKER_CACHE_REGISTRY: new URL(registry.url).host, XDG_CACHE_HOME: directory.join('state') };
  using workspace = NxWorkspace.create('24.0.6', files);
  const generated = await workspace.nx(['g', 'nx-registry-cache:docker-build', 'web', '--kind=static']);
  assert.equal(generated.code, 0, generated.output);
  workspace.commit();

  const build = async (...args: readonly string[]): Promise<void> => {
    const { code, output } = await workspace.nx(['run', 'web:docker-build', '--outputStyle=static', ...args], env);
    assert.equal(code, 0, output);
    assert.match(output, /nx run @acme\/base:docker-build/);
  };
  await build();
  const [base, web] = [imageOf(workspace, 'images/base'), imageOf(workspace, 'apps/web')];
  assert.deepEqual([base.repositories, web.repositories], [[], []]);
  assert.equal(base.layouts.length, 1);

  workspace.write({ 'images/base/etc/release': '2' });
  await build();
  const changed = imageOf(workspace, 'images/base');
  assert.notEqual(changed.digest, base.digest);
  assert.notEqual(imageOf(workspace, 'apps/web').digest, web.digest);

  workspace.commit();
  await build('--configuration=ci');
  assert.deepEqual(imageOf(workspace, 'images/base').repositories, [`${env.NX_DOCKER_CACHE_REGISTRY}/acme-base`]);
  const sha = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: workspace.root, encoding: 'utf8' }).trim();
  const pushed = await manifest(registry.url, 'web', sha);
  const pushedBase = await manifest(registry.url, 'acme-base', sha);
  assert.deepEqual(pushed.layers.slice(0, 1), pushedBase.layers);
  assert.equal(pushed.layers.length, 3);
});

test('the Dockerfile that is generated for a Node server builds and installs its dependencies', async (t) => {
  await using directory = await TemporaryDirectory.create();
  const root = makeNodeRoot(directory.join('root'));
  if (root === undefined) {
    t.skip('this machine has no Node with npm that could be copied into an image');
    return;
  }
  const target = { executor, options: { command: 'mkdir -p dist/apps/api && cp apps/api/src/main.js dist/apps/api' } };
  using workspace = NxWorkspace.create('24.0.6', {
    'package-lock.json': files['package-lock.json'],
    'images/node/project.json': json({
      name: 'node',
      targets: { 'docker-build': { options: { buildContexts: { root } } } },
    }),
    'images/node/Dockerfile': 'FROM scratch\nCOPY --from=root / /\nENV PATH=/usr/local/bin:/usr/bin:/bin\n',
    'apps/api/project.json': json({
      name: 'api',
      targets: { build: { ...target, outputs: ['{workspaceRoot}/dist/apps/api'] } },
    }),
    'apps/api/src/main.js': 'console.log(1);',
  });
  const { code, output } = await workspace.nx([
    'g',
    'nx-registry-cache:docker-build',
    'api',
    '--baseImage=nx-project:node',
  ]);
  assert.equal(code, 0, output);
  const built = await workspace.nx(['run', 'api:docker-build', '--outputStyle=static'], {
    XDG_CACHE_HOME: directory.join('state'),
  });
  if (built.output.includes('SANDBOX_UNAVAILABLE')) {
    t.skip('this machine has no way to run a RUN step');
    return;
  }
  assert.equal(built.code, 0, built.output);
  const project = await workspace.project('api');
  assert.deepEqual(project.targets['docker-build']?.dependsOn, [
    'build',
    { target: 'docker-build', projects: ['node'] },
  ]);
});

test('the image of a Next application has its standalone server, packages included, and nothing else', async () => {
  await using directory = await TemporaryDirectory.create();
  const next = 'apps/site/.next';
  const command = [
    `mkdir -p ${next}/standalone/node_modules/react ${next}/static ${next}/cache`,
    `touch ${next}/standalone/node_modules/react/index.js ${next}/standalone/.env ${next}/static/a.css ${next}/cache/x`,
  ].join(' && ');
  using workspace = NxWorkspace.create('24.0.6', {
    ...files,
    '.gitignore': 'node_modules\n.nx\ndist\n.next\n',
    'apps/site/project.json': json({
      name: 'site',
      targets: { build: { executor, options: { command }, outputs: ['{projectRoot}/.next'] } },
    }),
    'apps/site/next.config.js': "module.exports = { output: 'standalone' };\n",
    'apps/site/public/robots.txt': 'x',
  });
  const args = ['g', 'nx-registry-cache:docker-build', 'site', '--baseImage=nx-project:acme-base'];
  const generated = await workspace.nx(args);
  assert.equal(generated.code, 0, generated.output);
  assert.doesNotMatch(generated.output, /needs output/);
  const env = { XDG_CACHE_HOME: directory.join('state') };
  const local = directory.join('image');
  const built = await workspace.nx(['run', 'site:docker-build', '--outputStyle=static', `--outputs=${local}`], env);
  assert.equal(built.code, 0, built.output);
  const listed = readdirSync(local, { recursive: true, encoding: 'utf8' }).filter((name) => /\.\w+$/.test(name));
  assert.deepEqual(listed.filter((name) => !name.endsWith('.next')).sort(), [
    'app/apps/site/.next/static/a.css',
    'app/apps/site/public/robots.txt',
    'app/node_modules/react/index.js',
  ]);
});

test('nx add installs the plugin and sets it up, twice without a change', async () => {
  using workspace = NxWorkspace.create('24.0.6', {
    'nx.json': '{\n  // ours\n  "analytics": false,\n  "neverConnectToCloud": true\n}\n',
    'package.json': json({ name: 'acme', private: true, devDependencies: { nx: '24.0.6' } }),
    'apps/api/project.json': json({ name: 'api' }),
    'apps/api/Dockerfile': 'FROM scratch\n',
  });
  // It installs: not into what other workspaces use.
  rmSync(join(workspace.root, 'node_modules'));
  const npm = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  execFileSync('npm', npm, { cwd: workspace.root, stdio: 'pipe' });
  const add = async (): Promise<string> => {
    const { code, output } = await workspace.nx(['add', `nx-registry-cache@file:${packPlugin()}`]);
    assert.equal(code, 0, output);
    return readFileSync(join(workspace.root, 'nx.json'), 'utf8');
  };
  const first = await add();
  assert.equal(
    first,
    '{\n  // ours\n  "analytics": false,\n  "neverConnectToCloud": true,\n  "plugins": ["nx-registry-cache"]\n}\n',
  );
  assert.equal(await add(), first);
  assert.equal((await workspace.project('api')).targets['docker-build']?.executor, 'nx-registry-cache:docker-build');
  assert.equal((await workspace.project('acme')).targets['local-registry']?.executor, 'nx-registry-cache:registry');

  const dry = await workspace.nx(['g', 'nx-registry-cache:ci', '--ci=github', '--dryRun']);
  assert.match(dry.output, /CREATE \.github\/workflows\/docker-build\.yml/);
  assert.equal(existsSync(join(workspace.root, '.github')), false);
  for (const generator of ['init', 'docker-build', 'ci']) {
    const help = await workspace.nx(['g', `nx-registry-cache:${generator}`, '--help']);
    assert.equal(help.code, 0, help.output);
    assert.doesNotMatch(help.output, /undefined/);
  }
});

interface Manifest {
  readonly layers: readonly { readonly digest: string }[];
}

async function manifest(url: string, repository: string, tag: string): Promise<Manifest> {
  const response = await fetch(`${url}/v2/${repository}/manifests/${tag}`);
  assert.equal(response.status, 200, `${repository}:${tag}`);
  return (await response.json()) as Manifest;
}
