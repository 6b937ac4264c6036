import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { copyGraph } from '../../src/content/copy';
import { DirectoryStore } from '../../src/content/directory-store';
import { parseReference } from '../../src/oci/reference';
import { RegistryStores } from '../../src/engine/embedded/registry-stores';
import { startRegistryServer } from '../../src/registry-server/server';
import { repositoryRoot } from '../../src/testing/repository-root';
import { runGolden } from '../../src/testing/golden/run';
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
  const server = await startRegistryServer({ root: join(work, 'registry') });
  try {
    await serveLayouts(directory, `127.0.0.1:${server.port}`);
    const passed = await runGolden(directory, {
      build: (golden) => buildCase(golden, { directory: work, registry: `127.0.0.1:${server.port}` }),
      print: (line) => console.log(line),
      ...(args.length > 1 && { only: args.slice(1) }),
    });
    return passed ? 0 : 1;
  } finally {
    await server.close();
    await rm(work, { recursive: true, force: true });
  }
}

/** Pushes each OCI layout NAME beside the cases as `golden/NAME`, with all of its tags. */
async function serveLayouts(directory: string, registry: string): Promise<void> {
  const stores = await RegistryStores.open({ env: {}, homeDirectory: directory, insecure: [], now: Date.now });
  try {
    for (const name of await readdir(directory)) {
      if (name === 'cases' || !(await isFile(join(directory, name, 'oci-layout')))) continue;
      const source = new DirectoryStore(join(directory, name));
      const target = stores.repository(parseReference(`${registry}/golden/${name}`));
      for await (const tag of source.tags()) {
        // A folder of caches may lie there too; what is no image is not needed.
        await copyGraph({ source, target }, tag, { tag }).catch((error: unknown) => {
          if (name !== 'caches') throw error;
        });
      }
    }
  } finally {
    await stores[Symbol.asyncDispose]();
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
