import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sampleContent } from '../src/compression/testing/sample-content';
import { createEngine } from '../src/engine/create-engine';
import { runBuild } from '../src/executors/docker-build/run-build';
import { hostPlatform } from '../src/oci/platform';
import { createRegistryHandler } from '../src/registry-server/handler';
import type { DockerBuildOptions } from '../src/workspace/docker-build-options';
import type { Bench } from './bench';
import { measureMs } from './support/measure';

const files = 500;
const fileBytes = 4000;
const rounds = 5;

const dockerfile = [
  'FROM scratch AS dependencies',
  'COPY deps /app/deps',
  'FROM scratch AS source',
  'COPY src /app/src',
  'FROM scratch',
  'COPY --from=dependencies /app/deps /app/deps',
  'COPY --from=source /app/src /app/src',
  'COPY main.txt /app/main.txt',
  'CMD ["/app/main"]',
];

async function writeContext(root: string): Promise<void> {
  for (const folder of ['src', 'deps']) {
    await mkdir(join(root, folder), { recursive: true });
    for (let index = 0; index < files; index++) {
      await writeFile(join(root, folder, `file${index}`), sampleContent(fileBytes, index + 1));
    }
  }
  await writeFile(join(root, 'main.txt'), 'main\n');
  await writeFile(join(root, 'Dockerfile'), `${dockerfile.join('\n')}\n`);
}

/** Our registry in this process, with a log of the requests. */
async function startCountingRegistry(
  root: string,
): Promise<AsyncDisposable & { readonly host: string; readonly requests: string[] }> {
  const handler = createRegistryHandler({ root });
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url?.replace(/sha256:[0-9a-f]{64}/g, (digest) => digest.slice(0, 13)) ?? '';
    requests.push(`${request.method ?? ''} ${path}`);
    void handler(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, requests, [Symbol.asyncDispose]: stop };
}

/** The executor without Nx around it. */
async function build(root: string, options: DockerBuildOptions): Promise<void> {
  let output = '';
  const env = {};
  const { success } = await runBuild(
    options,
    {
      workspaceRoot: root,
      projectName: 'app',
      projectRoot: '.',
      env,
      homeDirectory: root,
      hostPlatform: { ...hostPlatform(process), os: 'linux' },
    },
    {
      write: (text) => void (output += text),
      now: Date.now,
      isTerminal: false,
      terminalSize: () => ({ columns: 80, rows: 24 }),
      isVerbose: false,
      signal: new AbortController().signal,
      createEngine: (plan) => createEngine({ choice: plan.engine, env, stateDirectory: plan.stateDirectory }),
    },
  );
  if (!success) throw new Error(output);
}

export const unchangedBuildBench: Bench = {
  name: 'unchanged',
  description: `a build of ${2 * files} files in which nothing changed, with an empty state and a warm registry cache`,
  async run({ directory, print }) {
    const root = join(directory, 'workspace');
    await writeContext(root);
    await using registry = await startCountingRegistry(join(directory, 'registry'));
    const cache = `type=registry,ref=${registry.host}/cache:app`;
    const options: DockerBuildOptions = {
      tags: [`${registry.host}/app:latest`],
      push: true,
      cacheFrom: [cache],
      cacheTo: [`${cache},mode=max`],
      stateDir: 'state',
    };
    const forget = (): Promise<void> => rm(join(root, 'state'), { recursive: true, force: true });
    const firstMs = await measureMs(() => build(root, options), { rounds: 1 });
    const firstRequests = registry.requests.length;
    const prepare = async (): Promise<void> => {
      await forget();
      registry.requests.length = 0;
    };
    const unchangedMs = await measureMs(() => build(root, options), { rounds, prepare });
    print(`first build: ${firstMs.toFixed(0)} ms, ${firstRequests} requests`);
    print(`unchanged:   ${unchangedMs.toFixed(0)} ms, ${registry.requests.length} requests:`);
    for (const request of registry.requests) print(`  ${request}`);
  },
};
