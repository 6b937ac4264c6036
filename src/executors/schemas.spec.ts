import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from '../testing/repository-root';

interface Schema {
  readonly version: number;
  readonly additionalProperties: boolean;
  readonly examples?: readonly unknown[];
  readonly properties: Readonly<Record<string, { readonly description?: string }>>;
}

const source = readFileSync(join(repositoryRoot(), 'src/workspace/cache-task-options.ts'), 'utf8');

/** Options that an interface declares, without those it inherits. */
function optionsOf(name: string): readonly string[] {
  const body = new RegExp(`interface ${name} [^{]*\\{([^}]*)\\}`).exec(source)?.[1] ?? '';
  return [...body.matchAll(/readonly (\w+)\?:/g)].map(([, option = '']) => option);
}

const interfaces = {
  'cache-import': 'CacheImportOptions',
  'cache-export': 'CacheExportOptions',
  'cache-copy': 'CacheCopyOptions',
  'cache-inspect': 'CacheInspectOptions',
  'cache-prune': 'CachePruneOptions',
};

for (const [executor, name] of Object.entries(interfaces)) {
  test(`${executor}: the schema describes exactly the options that are read`, () => {
    const path = join(repositoryRoot(), 'src/executors', executor, 'schema.json');
    const schema = JSON.parse(readFileSync(path, 'utf8')) as Schema;
    assert.deepEqual(
      Object.keys(schema.properties).sort(),
      [...optionsOf(name), ...optionsOf('CacheTaskOptions')].sort(),
    );
    assert.deepEqual([schema.version, schema.additionalProperties], [2, false]);
    assert.ok((schema.examples ?? []).length > 0);
    for (const [option, { description = '' }] of Object.entries(schema.properties))
      assert.ok(description !== '', option);
  });
}
