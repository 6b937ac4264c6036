import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDockerfile, nameTargets } from './target-names';

const name = (...files: readonly string[]): Record<string, string> =>
  Object.fromEntries(nameTargets(files, { root: 'apps/api', base: 'docker-build' }));

test('names of Dockerfiles, and what only looks like one', () => {
  for (const file of ['Dockerfile', 'a/Dockerfile.dev', 'worker.Dockerfile', 'Containerfile', 'Containerfile.x']) {
    assert.ok(isDockerfile(file), file);
  }
  for (const file of ['Dockerfile.dockerignore', 'Dockerfile.md', 'dockerfile', 'Dockerfiles', 'Dockerfile~']) {
    assert.ok(!isDockerfile(file), file);
  }
});

test('the plain file has the plain name, others a suffix', () => {
  const files = ['Dockerfile.dev', 'Dockerfile', 'worker.Dockerfile', 'db/Dockerfile'];
  assert.deepEqual(name(...files.map((file) => `apps/api/${file}`)), {
    'apps/api/Dockerfile': 'docker-build',
    'apps/api/Dockerfile.dev': 'docker-build-dev',
    'apps/api/worker.Dockerfile': 'docker-build-worker',
    'apps/api/db/Dockerfile': 'docker-build-db',
  });
});

test('a single file has the plain name, whatever it is called', () => {
  assert.deepEqual(name('apps/api/docker/prod.Dockerfile'), { 'apps/api/docker/prod.Dockerfile': 'docker-build' });
});

test('names never clash', () => {
  const files = ['a.Dockerfile', 'Dockerfile.a', 'Dockerfile', 'Containerfile', 'a/Dockerfile'];
  const names = name(...files.map((file) => `apps/api/${file}`));
  assert.equal(new Set(Object.values(names)).size, files.length);
});
