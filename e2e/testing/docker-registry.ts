import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const startTimeoutMs = 20_000;
const pollMs = 50;

/** Debian's `docker-registry` (the distribution project's), on a free port of loopback. */
export class DockerRegistry implements AsyncDisposable {
  private constructor(
    /** As in a reference: `127.0.0.1:5000`. */
    readonly host: string,
    /** Where it keeps everything. */
    readonly directory: string,
    private readonly config: string,
    private readonly child: ChildProcess,
  ) {}

  /** @param options whether it takes DELETE requests, which it does not unless it is told to; default true */
  static async start(
    directory: string,
    { deletes = true }: { readonly deletes?: boolean } = {},
  ): Promise<DockerRegistry> {
    const host = `127.0.0.1:${await freePort()}`;
    const data = join(directory, 'data');
    await mkdir(data, { recursive: true });
    const config = join(directory, 'config.yml');
    await writeFile(
      config,
      JSON.stringify({
        version: 0.1,
        log: { level: 'error' },
        storage: { filesystem: { rootdirectory: data }, delete: { enabled: deletes } },
        http: { addr: host },
      }),
    );
    const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
    const registry = new DockerRegistry(host, data, config, child);
    const deadline = Date.now() + startTimeoutMs;
    while (!(await registry.#answers())) {
      if (child.exitCode !== null || Date.now() > deadline) {
        await registry[Symbol.asyncDispose]();
        throw new Error('docker-registry did not start');
      }
      await delay(pollMs);
    }
    return registry;
  }

  async #answers(): Promise<boolean> {
    return fetch(`http://${this.host}/v2/`).then(
      (response) => response.ok,
      () => false,
    );
  }

  /** The status of one request, such as `HEAD acme/api/manifests/latest`. */
  async status(path: string, method = 'HEAD'): Promise<number> {
    const accept = 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json';
    return (await fetch(`http://${this.host}/v2/${path}`, { method, headers: { accept } })).status;
  }

  /** Frees blobs that no manifest lists, while nobody writes. */
  async collectGarbage(): Promise<void> {
    await promisify(execFile)('docker-registry', ['garbage-collect', this.config]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await exited;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
