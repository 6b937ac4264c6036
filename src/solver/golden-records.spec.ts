import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { collectExport } from '../cache/collect-export';
import { configSource } from '../cache/config-source';
import type { CacheConfig, RecordSource } from '../cache/contract';
import { createIgnoreMatcher } from '../dockerfile/ignore-matcher';
import { DirectoryTree } from '../filetree/directory-tree';
import type { MemoryTree } from '../filetree/memory-tree';
import { type Digest } from '../oci/digest';
import { copyGoldenContext, readGoldenCases, type GoldenCase } from '../testing/golden/case';
import { compareWithGolden } from '../testing/golden/compare';
import { convertGoldenCase } from '../testing/golden/graph';
import { findGoldenCases } from '../testing/golden/find-cases';
import { runGolden } from '../testing/golden/run';
import { repositoryRoot } from '../testing/repository-root';
import { TemporaryDirectory } from '../testing/temporary-directory';
import { solve } from './solve';
import { FakeWorker } from './testing/fake-worker';
import { FakeWorld } from './testing/fake-world';

const goldenDirectory = join(repositoryRoot(), 'test-data/golden');

/** Cases whose keys depend on the files of the base image, which are not in the repository. */
const needTheBaseImage = ['run-mount-bind-stage', 'stages-env-inherit'];

/** What the commands do whose results are hashed for another step's key. */
const scripts: Readonly<Record<string, (tree: MemoryTree) => void>> = {
  'echo c > /c': (tree) => void tree.file('c', 'c\n'),
  'echo l > /l': (tree) => void tree.file('l', 'l\n'),
  'echo tool > /tool': (tree) => void tree.file('tool', 'tool\n'),
  'echo r > /r': (tree) => void tree.file('r', 'r\n'),
  'mkdir node_modules && cp package.json node_modules/.lock': (tree) =>
    void tree.file('repo/node_modules/.lock', '{}\n'),
  'mkdir -p dist/${APP} && cat apps/${APP}/main.js libs/util/index.js > dist/${APP}/main.js': (tree) =>
    void tree.file('repo/dist/api/main.js', 'm\nu\n'),
};

/** One machine that builds case after case and remembers them, as the one that the cases were recorded on. */
class GoldenMachine {
  readonly #world = new FakeWorld();
  readonly #states: RecordSource[] = [];

  async build(golden: GoldenCase): Promise<CacheConfig> {
    await using directory = await TemporaryDirectory.create();
    await copyGoldenContext(golden, 'context', directory.path);
    const { root, localSources } = await convertGoldenCase(golden);
    assert.ok(root);
    const { matcher } = createIgnoreMatcher(localSources[0]?.excludePatterns ?? [], '.dockerignore');
    const { records } = await solve([root], {
      worker: new FakeWorker(this.#world, {
        context: new DirectoryTree(directory.path, { ignore: matcher }),
        scripts,
        sharesDisk: true,
      }),
      sources: [...this.#states],
      linkEquivalents: true,
      progress: () => undefined,
      now: () => Date.UTC(2026, 0, 2),
    });
    const { config, layers } = await collectExport(records, {
      mode: 'max',
      resolveRemote: (origin) => this.#world.remoteOf(origin),
    });
    const diffIdOf = (blob: Digest): Digest =>
      layers.get(blob)?.descriptor.annotations?.['containerd.io/uncompressed'] as Digest;
    this.#states.push(
      configSource(config, { name: 'local', open: (blobs) => ({ kind: 'layers', diffIds: blobs.map(diffIdOf) }) }),
    );
    return config;
  }
}

test('the exported records are the ones that BuildKit exported', async (t) => {
  const machine = new GoldenMachine();
  const cases = await readGoldenCases(goldenDirectory);
  for (const golden of cases) await machine.build(golden);
  for (const golden of cases) {
    const skip = needTheBaseImage.includes(golden.name) && 'needs the files of the base image';
    await t.test(golden.name, { skip }, async () => {
      assert.deepEqual(compareWithGolden(golden, await machine.build(golden)), []);
    });
  }
});

test('the runner prints what differs and what was hashed to get it', async () => {
  const lines: string[] = [];
  const print = (line: string): void => void lines.push(line);
  const build = (): Promise<CacheConfig> => Promise.resolve({ layers: [], records: [] });
  const cases = await readGoldenCases(goldenDirectory);
  const failed = await runGolden(cases, { build, print, only: ['copy-dir', 'run-shell'] });
  assert.equal(failed, false);
  assert.match(lines.join('\n'), /^copy-dir: missing record sha256:d340c4b5/);
  assert.match(lines.join('\n'), /= json of .*buildkit\.exec\.v0/);
  assert.equal(lines.at(-1), '0 passed, 2 failed');
  const machine = new GoldenMachine();
  assert.equal(await runGolden(cases, { build: (golden) => machine.build(golden), print, only: ['copy-dir'] }), true);
  assert.equal(lines.at(-1), '1 passed, 0 failed');
});

test('the runner remembers what the recording builder had built, and else nothing', async () => {
  const cases = await readGoldenCases(goldenDirectory);
  const linked = cases.filter(({ name }) => name === 'copy-symlinks');
  const machines = new Map<string, GoldenMachine>();
  const build = (golden: GoldenCase, builder: string): Promise<CacheConfig> => {
    const machine = machines.get(builder) ?? new GoldenMachine();
    machines.set(builder, machine);
    return machine.build(golden);
  };
  const print = (): void => undefined;
  // Other cases copy the same file, which links what follows.
  assert.equal(await runGolden(linked, { build, print }), false);
  machines.clear();
  assert.equal(await runGolden(linked, { build, print, alsoBuilt: cases }), true);
  assert.deepEqual([...machines.keys()], ['all']);
});

test('cases are found whichever folder is named', async () => {
  const folder = join(goldenDirectory, 'cases');
  for (const [place, count] of [
    [folder, 43],
    [join(folder, 'copy-dir'), 1],
  ] as const) {
    const { cases, imageFolders } = await findGoldenCases(place);
    assert.equal(cases.length, count);
    assert.equal(imageFolders.at(-1), goldenDirectory);
  }
});
