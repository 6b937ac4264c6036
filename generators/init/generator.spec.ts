import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readNxJson, readProjectConfiguration, type Tree } from '@nx/devkit';
import { createTreeWithEmptyWorkspace } from '@nx/devkit/testing';
import init from './generator';

const watched = ['nx.json', '.gitignore', 'project.json', 'package.json'];

function contents(tree: Tree): readonly (string | null)[] {
  return watched.map((file) => tree.read(file, 'utf8'));
}

test('with a registry: the plugin is in nx.json with it, and there is no local one', async () => {
  const tree = createTreeWithEmptyWorkspace();
  await init(tree, { registry: 'ghcr.io/acme/' });
  assert.deepEqual(readNxJson(tree)?.plugins, [{ plugin: 'nx-registry-cache', options: { registry: 'ghcr.io/acme' } }]);
  assert.equal(tree.exists('project.json'), false);
  assert.match(tree.read('.gitignore', 'utf8') ?? '', /^\/dist$/m);
  const { devDependencies } = JSON.parse(tree.read('package.json', 'utf8')!) as { devDependencies: object };
  assert.match(JSON.stringify(devDependencies), /"nx-registry-cache":"\^\d/);
});

test('without one, as in CI: a registry on this machine, on the port that targets expect', async () => {
  const tree = createTreeWithEmptyWorkspace();
  await init(tree, {});
  assert.deepEqual(readNxJson(tree)?.plugins, ['nx-registry-cache']);
  const { name } = JSON.parse(tree.read('project.json', 'utf8')!) as { name: string };
  const target = readProjectConfiguration(tree, name).targets?.['local-registry'];
  assert.deepEqual(
    [target?.executor, target?.continuous, target?.options],
    ['nx-registry-cache:registry', true, { port: 5000, root: 'tmp/registry' }],
  );
});

test('another port is one that the targets use', async () => {
  const tree = createTreeWithEmptyWorkspace();
  await init(tree, { localRegistryPort: 5001 });
  assert.deepEqual(readNxJson(tree)?.plugins, [
    { plugin: 'nx-registry-cache', options: { registry: 'localhost:5001' } },
  ]);
});

test('a second run changes nothing', async () => {
  const tree = createTreeWithEmptyWorkspace();
  for (const options of [{}, { registry: 'r.test/a', cache: 'r.test/b', localRegistry: true }]) {
    await init(tree, options);
    const first = contents(tree);
    await init(tree, options);
    await init(tree, {});
    assert.deepEqual(contents(tree), first);
  }
});

test('a later run gives the entry the options that it has', async () => {
  const tree = createTreeWithEmptyWorkspace();
  tree.write('nx.json', '{ "plugins": [{ "plugin": "nx-registry-cache/plugin", "include": ["apps/**"] }] }');
  await init(tree, { registry: 'r.test' });
  assert.deepEqual(readNxJson(tree)?.plugins, [
    { plugin: 'nx-registry-cache/plugin', include: ['apps/**'], options: { registry: 'r.test' } },
  ]);
});

test('comments and formatting stay as they are', async () => {
  const tree = createTreeWithEmptyWorkspace();
  const nxJson = '{\n\t// ours\n\t"plugins": [\n\t\t"@acme/plugin" // first\n\t],\n\t"parallel": 1, // slow\n}\n';
  tree.write('nx.json', nxJson);
  tree.write('.gitignore', '# generated\r\ndist/\r\n');
  tree.write('project.json', '{"name": "root", /* none */ "targets": {}}');
  await init(tree, {});
  assert.equal(
    tree.read('nx.json', 'utf8'),
    nxJson.replace('"@acme/plugin" // first', '"@acme/plugin", // first\n\t\t"nx-registry-cache"'),
  );
  assert.equal(tree.read('.gitignore', 'utf8'), '# generated\r\ndist/\r\n/tmp/registry\r\n');
  assert.match(tree.read('project.json', 'utf8') ?? '', /^\{"name": "root", \/\* none \*\/ "targets": \{/);
});

test('a version that the user chose is left alone', async () => {
  const tree = createTreeWithEmptyWorkspace();
  const manifest = '{"name":"x","devDependencies":{"nx-registry-cache":"file:../plugin.tgz"}}';
  tree.write('package.json', manifest);
  await init(tree, {});
  assert.equal(tree.read('package.json', 'utf8'), manifest);
});
