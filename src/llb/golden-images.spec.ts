import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readGoldenCases } from '../testing/golden/case';
import { convertGoldenCase } from '../testing/golden/graph';
import { repositoryRoot } from '../testing/repository-root';

test('the image config is what BuildKit recorded, but for times and layers', async (t) => {
  const cases = await readGoldenCases(join(repositoryRoot(), 'test-data/golden'), 'more');
  for (const golden of cases.filter(({ parameters }) => parameters.contexts.length === 0)) {
    await t.test(golden.name, async () => {
      const recorded = JSON.parse(await readFile(join(golden.directory, 'image.json'), 'utf8')) as { config: object };
      const { target } = await convertGoldenCase(golden);
      assert.ok(target);
      const { history = [], ...rest } = target.image;
      const config = { ...rest, created: undefined, rootfs: undefined };
      const entries = history.map((entry) => ({ ...entry, created: undefined }));
      assert.deepEqual(JSON.parse(JSON.stringify({ ...config, history: entries })), recorded.config);
    });
  }
});
