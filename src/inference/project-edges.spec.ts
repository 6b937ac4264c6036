import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CreateDependenciesContext } from '@nx/devkit';
import { projectEdges } from './project-edges';

test('edges lead to what targets wait for and to images of build contexts, from the Dockerfile', () => {
  const image = (options: object, dependsOn: readonly unknown[] = []): object => ({
    executor: 'nx-registry-cache:docker-build',
    options,
    dependsOn,
  });
  const bases = { target: 'docker-build', projects: ['base', 'app', 'gone'] };
  const buildContexts = { t: 'nx-project:acme-tools', u: 'docker-image://x' };
  const context = {
    projects: {
      app: {
        root: 'app',
        targets: {
          'docker-build': image({ file: 'app/Dockerfile' }, ['build', '^build', bases]),
          other: { executor: 'x:y', dependsOn: [{ target: 'z', projects: ['@acme/tools'] }] },
        },
      },
      web: { root: 'web', targets: { image: image({ buildContexts }) } },
      base: { root: 'base' },
      '@acme/tools': { root: 'tools' },
    },
    fileMap: { projectFileMap: { app: [{ file: 'app/Dockerfile', hash: '' }] } },
  } as unknown as CreateDependenciesContext;
  assert.deepEqual(projectEdges(context), [
    { source: 'app', target: 'base', type: 'static', sourceFile: 'app/Dockerfile' },
    { source: 'web', target: '@acme/tools', type: 'implicit' },
  ]);
});
