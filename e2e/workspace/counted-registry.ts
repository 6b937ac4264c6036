import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startRegistryServer, type RegistryServer } from '../../src/registry-server/server';

interface Manifest {
  readonly layers: readonly { readonly digest: string }[];
}

/** The registry that comes with the plugin, in this process, which counts what it is asked. */
export class CountedRegistry implements AsyncDisposable {
  readonly #requests: string[] = [];
  readonly #waiting = new Map<RegExp, () => void>();

  private constructor(private readonly root: string) {}

  static async start(root: string): Promise<CountedRegistry> {
    const registry = new CountedRegistry(root);
    registry.#server = await startRegistryServer({ root, log: (entry) => registry.#note(entry) });
    return registry;
  }

  #server!: RegistryServer;

  /** `127.0.0.1:5000` */
  get host(): string {
    return new URL(this.#server.url).host;
  }

  /** `GET /v2/acme/api/manifests/latest` and the like, since the last call. */
  takeRequests(): readonly string[] {
    return this.#requests.splice(0);
  }

  /** Resolves with the next request that matches. */
  nextRequest(pattern: RegExp): Promise<void> {
    return new Promise((resolve) => void this.#waiting.set(pattern, resolve));
  }

  async tags(repository: string): Promise<readonly string[]> {
    const { tags } = (await this.#get(`${repository}/tags/list`)) as { readonly tags: readonly string[] };
    return tags;
  }

  manifest(repository: string, tag: string): Promise<Manifest> {
    return this.#get(`${repository}/manifests/${tag}`) as Promise<Manifest>;
  }

  /** Lets a tag point at what another one points at, as whoever may write can. */
  async overwrite(repository: string, tag: string, other: string): Promise<void> {
    const manifests = `${this.#server.url}/v2/${repository}/manifests`;
    const stored = await fetch(`${manifests}/${other}`);
    const headers = { 'content-type': stored.headers.get('content-type') ?? '' };
    const { ok } = await fetch(`${manifests}/${tag}`, { method: 'PUT', headers, body: await stored.text() });
    if (!ok) throw new Error(`${repository}:${tag} was not written`);
    this.#requests.splice(0);
  }

  /** Removes the bytes of a blob behind the registry's back; the repositories still claim to have it. */
  async loseBlob(digest: string): Promise<void> {
    await rm(join(this.root, 'blobs', ...digest.split(':')));
  }

  /** Layers of an image that the registry does not have. */
  async lostLayers(repository: string, tag: string): Promise<readonly string[]> {
    const { layers } = await this.manifest(repository, tag);
    const lost: string[] = [];
    for (const { digest } of layers) {
      const { ok } = await fetch(`${this.#server.url}/v2/${repository}/blobs/${digest}`, { method: 'HEAD' });
      if (!ok) lost.push(digest);
    }
    return lost;
  }

  async #get(path: string): Promise<unknown> {
    const response = await fetch(`${this.#server.url}/v2/${path}`);
    if (!response.ok) throw new Error(`GET ${path}: ${response.status}`);
    const value: unknown = await response.json();
    // What a test looks up is no request of a build.
    this.#requests.splice(0);
    return value;
  }

  #note({ method, path }: { readonly method: string; readonly path: string }): void {
    const request = `${method} ${path}`;
    this.#requests.push(request);
    for (const [pattern, resolve] of this.#waiting) {
      if (!pattern.test(request)) continue;
      this.#waiting.delete(pattern);
      resolve();
    }
  }

  async close(): Promise<void> {
    await this.#server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
