import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { repositoryRoot } from '../../src/testing/repository-root';
import { runGolden } from '../../src/testing/golden/run';
import { TestRegistry } from '../testing/test-registry';
import { buildCase } from './build-case';

/** Recorded builds that a checkout of this repository may have beside it: with the layers of their base image. */
const besideRepository = join('..', 'shared', 'golden');

async function main(args: readonly string[]): Promise<number> {
  const given = args[0];
  const directory = given === undefined ? join(repositoryRoot(), besideRepository) : resolve(given);
  if (!(await isDirectory(join(directory, 'cases')))) {
    console.log(`no recorded cases: ${directory} has no folder "cases"`);
    console.log(given === undefined ? '0 passed, 0 failed' : '0 passed, 1 failed');
    return given === undefined ? 0 : 1;
  }
  const work = await mkdtemp(join(tmpdir(), 'nxrc-golden-'));
  const registry = await TestRegistry.start(join(work, 'registry'));
  try {
    await registry.serveLayouts(directory);
    const passed = await runGolden(directory, {
      build: (golden) => buildCase(golden, { directory: work, registry: registry.host }),
      print: (line) => console.log(line),
      ...(args.length > 1 && { only: args.slice(1) }),
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
