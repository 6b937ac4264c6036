import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nxVersions } from './nx-install';
import { NxWorkspace } from './nx-workspace';

const json = (value: object): string => JSON.stringify(value, undefined, 2);
const copying = 'mkdir -p dist/apps/web && cp apps/web/index.html dist/apps/web';

const files = {
  '.dockerignore': '**/*.md\n',
  'package-lock.json': json({ name: 'acme', lockfileVersion: 3, packages: {} }),
  'apps/api/project.json': json({ name: 'api' }),
  'apps/api/Dockerfile':
    'FROM nx-project:base\nCOPY package.json package-lock.json ./\nCOPY apps/api/src src\nCOPY libs/shared shared\n',
  'apps/api/src/main.js': '1',
  'apps/api/README.md': '1',
  'apps/other/project.json': json({ name: 'other' }),
  'apps/other/Dockerfile': 'FROM scratch\nCOPY apps/other/src libs/shared/ /\n',
  'apps/other/src/main.js': '1',
  'apps/web/project.json': json({
    name: 'web',
    targets: {
      build: {
        executor: 'nx:run-commands',
        options: { command: copying },
        inputs: ['{projectRoot}/index.html'],
        outputs: ['{workspaceRoot}/dist/apps/web'],
      },
    },
  }),
  'apps/web/Dockerfile': 'FROM scratch\nCOPY dist/apps/web /srv\n',
  'apps/web/index.html': '1',
  'apps/web/README.md': '1',
  'libs/shared/project.json': json({ name: 'shared' }),
  'libs/shared/index.js': '1',
  'libs/unused/project.json': json({ name: 'unused' }),
  'libs/unused/index.js': '1',
  'images/base/project.json': json({ name: 'base' }),
  'images/base/Dockerfile': 'FROM scratch\nCOPY images/base/etc /etc\n',
  'images/base/etc/release': '1',
  'apps/broken/project.json': json({ name: 'broken' }),
  'apps/broken/Dockerfile': 'FRM scratch\nRUN\n',
  'stray/Dockerfile': 'FROM scratch\n',
};

for (const version of nxVersions) {
  test(`nx affected selects the images that a change can reach, on Nx ${version}`, async () => {
    using workspace = NxWorkspace.create(version, files);
    const api = ['api:docker-build', 'base:docker-build'];
    const web = ['web:build', 'web:docker-build'];
    const other = ['other:docker-build'];
    // A task that others need is in the graph of what runs, whether it changed or not.
    const expected: Readonly<Record<string, readonly string[]>> = {
      'apps/api/src/main.js': api,
      'apps/other/src/main.js': other,
      'apps/web/index.html': web,
      'libs/shared/index.js': [...api, ...other],
      'libs/unused/index.js': [],
      'images/base/etc/release': api,
      'images/base/Dockerfile': api,
      'package.json': api,
      // Nx's own rule, unless projectsAffectedByDependencyUpdates says otherwise; what did not change is then a hit.
      'package-lock.json': [...api, 'broken:docker-build', ...other, ...web],
      'apps/broken/Dockerfile': ['broken:docker-build'],
      'stray/Dockerfile': [],
    };
    const found: Record<string, readonly string[]> = {};
    for (const file of Object.keys(expected)) found[file] = await workspace.affected('docker-build', [file]);
    assert.deepEqual(found, expected);
    // Nx 24 selects by inputs; before, any file of a project selects the project.
    const readme = await workspace.affected('docker-build', ['apps/api/README.md']);
    assert.deepEqual(readme, version.startsWith('24.') ? [] : api);
  });
}

test('a broken Dockerfile breaks nothing but its own build, which tells what is wrong', async () => {
  using workspace = NxWorkspace.create('24.0.6', files);
  const { code, output } = await workspace.nx(['run', 'broken:docker-build', '--outputStyle=static']);
  assert.notEqual(code, 0);
  assert.match(output, /apps\/broken\/Dockerfile:1:1: error DOCKERFILE_UNKNOWN_INSTRUCTION/);
  const projects = await workspace.nx(['show', 'projects']);
  assert.equal(projects.code, 0);
  assert.doesNotMatch(projects.output, /stray/);
});
