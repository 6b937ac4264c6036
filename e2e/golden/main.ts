import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readGoldenCases } from '../../src/testing/golden/case';
import { findGoldenCases } from '../../src/testing/golden/find-cases';
import { runGolden } from '../../src/testing/golden/run';
import { repositoryRoot } from '../../src/testing/repository-root';
import { goldenWithLayers } from '../testing/golden-build';
import { TestRegistry } from '../testing/test-registry';
import { buildCase } from './build-case';

// npm run golden -- [DIR [NAME…]]: builds the recorded cases below DIR, by default those that a checkout of this
// repository may have beside it, and compares the keys of their caches with the recorded ones.

async function main([given, ...names]: readonly string[]): Promise<number> {
  const directory = given === undefined ? goldenWithLayers() : resolve(given);
  const { cases, imageFolders } = (await isDirectory(directory))
    ? await findGoldenCases(directory)
    : { cases: [], imageFolders: [] };
  if (cases.length === 0) {
    console.log(`no recorded cases: nothing below ${directory} has Dockerfile, case.json and expected.json`);
    console.log(given === undefined ? '0 passed, 0 failed' : '0 passed, 1 failed');
    return given === undefined ? 0 : 1;
  }
  const work = await mkdtemp(join(tmpdir(), 'nxrc-golden-'));
  const registry = await TestRegistry.start(join(work, 'registry'));
  try {
    const known = await isDirectory(goldenWithLayers());
    for (const folder of [...(known ? [goldenWithLayers()] : []), ...imageFolders]) await registry.serveLayouts(folder);
    const passed = await runGolden(cases, {
      build: (golden, builder) => buildCase(golden, { directory: work, builder, registry: registry.host }),
      print: (line) => console.log(line),
      alsoBuilt: await readGoldenCases(join(repositoryRoot(), 'test-data/golden')),
      ...(names.length > 0 && { only: names }),
    });
    return passed ? 0 : 1;
  } finally {
    await registry[Symbol.asyncDispose]();
    await rm(work, { recursive: true, force: true });
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
