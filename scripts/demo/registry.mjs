import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';

const startTimeoutMs = 20_000;

const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** Starts the registry that comes with the installed plugin, on a free port. It tells each request that it answered. */
export async function startRegistry(workspace, directory) {
  const program = join(workspace, 'node_modules/nx-registry-cache/dist/src/registry-server/main.js');
  const child = spawn(process.execPath, [program, '--root', directory, '--port', '0', '--log'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const signal = AbortSignal.timeout(startTimeoutMs);
  const [line] = await Promise.race([
    once(lines, 'line', { signal }),
    exited.then(([code]) => Promise.reject(new Error(`the registry ended with exit code ${code}`))),
  ]);
  const url = /http:\/\/\S+?(?=[,\s]|$)/.exec(line)?.[0];
  if (url === undefined) throw new Error(`the registry did not say where it listens: ${line}`);
  const requests = [];
  lines.on('line', (request) => requests.push(request));
  return {
    /** Requests since the last call, such as `GET /v2/acme/api/manifests/latest 200`. */
    takeRequests: () => requests.splice(0),
    client: new RegistryClient(url),
    host: new URL(url).host,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** Reads a registry through the API of the distribution specification. */
export class RegistryClient {
  constructor(url) {
    this.url = url;
  }

  async #get(path, headers = {}) {
    const response = await fetch(`${this.url}/v2/${path}`, { headers });
    if (!response.ok) throw new Error(`GET /v2/${path}: ${response.status}`);
    return response;
  }

  async repositories() {
    return (await (await this.#get('_catalog')).json()).repositories;
  }

  async tags(repository) {
    return (await (await this.#get(`${repository}/tags/list`)).json()).tags;
  }

  async manifest(repository, reference) {
    return (await this.#get(`${repository}/manifests/${reference}`, { accept: manifestTypes })).json();
  }

  async blob(repository, digest) {
    return Buffer.from(await (await this.#get(`${repository}/blobs/${digest}`)).arrayBuffer());
  }
}
