import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CountedRegistry } from '../e2e/workspace/counted-registry';
import { sampleContent } from '../src/compression/testing/sample-content';
import { nxEnvironment } from '../src/testing/nx-environment';
import { removeTree } from '../src/testing/remove-tree';
import { repositoryRoot } from '../src/testing/repository-root';
import type { DockerBuildOptions } from '../src/workspace/docker-build-options';
import type { Bench } from './bench';
import { measureMs } from './support/measure';
import { processOutput } from './support/process-output';
import { runExecutor, type ExecutorJob } from './support/run-executor';
import { formatTable } from './support/table';

const count = 200;
const filesOfApp = 20;
const fileBytes = 2000;
const names = Array.from({ length: count }, (_, index) => `app-${index + 1}`);

/** Two stages, the first of which all apps have in common. */
const dockerfile = (name: string): string =>
  [
    'FROM scratch AS deps',
    'COPY libs /app/libs',
    'FROM scratch',
    'COPY --from=deps /app/libs /app/libs',
    `COPY apps/${name}/src /app/src`,
    'CMD ["/app/src/main"]',
    '',
  ].join('\n');

async function writeWorkspace(root: string, options: (name: string) => DockerBuildOptions): Promise<void> {
  const write = async (path: string, content: string | Buffer): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  };
  await write('package.json', JSON.stringify({ name: 'acme', private: true }));
  await write('nx.json', JSON.stringify({ analytics: false, neverConnectToCloud: true }));
  for (let index = 0; index < filesOfApp; index++) {
    await write(`libs/file${index}`, sampleContent(fileBytes, index + 1));
  }
  for (const [app, name] of names.entries()) {
    await write(`apps/${name}/Dockerfile`, dockerfile(name));
    for (let index = 0; index < filesOfApp; index++) {
      await write(`apps/${name}/src/file${index}`, sampleContent(fileBytes, (app + 1) * 1000 + index));
    }
    const target = { executor: 'nx-registry-cache:docker-build', options: options(name) };
    await write(`apps/${name}/project.json`, JSON.stringify({ name, targets: { 'docker-build': target } }));
  }
  await linkPackages(join(root, 'node_modules'));
}

/** What this repository has installed, and the plugin itself. */
async function linkPackages(modules: string): Promise<void> {
  await mkdir(modules);
  const installed = join(repositoryRoot(), 'node_modules');
  for (const name of await readdir(installed)) await symlink(join(installed, name), join(modules, name));
  await symlink(repositoryRoot(), join(modules, 'nx-registry-cache'), 'dir');
}

/** Runs Nx to its end, as in a CI job. */
function runNx(root: string, args: readonly string[]): Promise<string> {
  const env = nxEnvironment(join(root, '.nx/cache'));
  return processOutput([join(root, 'node_modules/.bin/nx'), ...args], { cwd: root, env });
}

export const appsBench: Bench = {
  name: 'apps',
  description: `${count} unchanged apps in one run, on a machine that has nothing but the sources`,
  async run({ directory, print }) {
    const root = join(directory, 'workspace');
    const stateDir = join(directory, 'state');
    await using registry = await CountedRegistry.start(join(directory, 'registry'));
    const options = (name: string): DockerBuildOptions => ({
      engine: 'embedded',
      context: '.',
      file: `apps/${name}/Dockerfile`,
      tags: [`${registry.host}/${name}:latest`],
      push: true,
      cache: `${registry.host}/cache`,
      trust: 'open',
      stateDir,
    });
    await writeWorkspace(root, options);
    const job: ExecutorJob = {
      root,
      builds: names.map((project) => ({ project, projectRoot: `apps/${project}`, options: options(project) })),
    };
    const rows: string[][] = [];
    const measure = async (label: string, work: () => Promise<unknown>): Promise<void> => {
      await removeTree(stateDir);
      registry.takeRequests();
      const ms = await measureMs(work);
      const requests = registry.takeRequests().length;
      rows.push([
        label,
        (ms / 1000).toFixed(1),
        (ms / count).toFixed(0),
        String(requests),
        (requests / count).toFixed(1),
      ]);
    };
    await measure('first build, one process', () => runExecutor(job));
    await measure('unchanged, one process', () => runExecutor(job));
    await measure('unchanged, nx run-many', () =>
      runNx(root, ['run-many', '-t', 'docker-build', '--outputStyle=static']),
    );
    print(formatTable([`${count} apps`, 'seconds', 'ms per app', 'requests', 'requests per app'], rows));
  },
};
