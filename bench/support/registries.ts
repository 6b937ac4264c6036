import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repositoryRoot } from '../../src/testing/repository-root';
import { hasProgram } from './programs';

/** A registry in a process of its own, so that it does not take turns with what is measured. */
export interface BenchRegistry extends AsyncDisposable {
  readonly name: string;
  /** `127.0.0.1:5000` */
  readonly host: string;
}

/** The registry that comes with this project. */
export async function startOurRegistry(directory: string): Promise<BenchRegistry> {
  const port = await freePort();
  const program = join(repositoryRoot(), 'dist/src/registry-server/main.js');
  const child = spawn(process.execPath, [program, '--root', directory, '--port', String(port)], { stdio: 'ignore' });
  return ready('our registry-server', port, child);
}

/** Debian's `docker-registry`; undefined where it is not installed. */
export async function startDistribution(directory: string): Promise<BenchRegistry | undefined> {
  if (!hasProgram('docker-registry')) return undefined;
  await mkdir(directory, { recursive: true });
  const port = await freePort();
  const config = join(directory, 'config.yml');
  const lines = [
    'version: 0.1',
    'log: { level: error, accesslog: { disabled: true } }',
    `storage: { filesystem: { rootdirectory: ${JSON.stringify(join(directory, 'data'))} }, delete: { enabled: true } }`,
    `http: { addr: '127.0.0.1:${port}' }`,
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  return ready('docker-registry', port, spawn('docker-registry', ['serve', config], { stdio: 'ignore' }));
}

async function ready(name: string, port: number, child: ChildProcess): Promise<BenchRegistry> {
  const host = `127.0.0.1:${port}`;
  for (let attempt = 0; ; attempt++) {
    const answer = await fetch(`http://${host}/v2/`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok === true) break;
    if (attempt > 100 || child.exitCode !== null) throw new Error(`${name} does not start`);
    await sleep(50);
  }
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null) return;
    const closed = once(child, 'close');
    child.kill();
    await closed;
  };
  return { name, host, [Symbol.asyncDispose]: stop };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
