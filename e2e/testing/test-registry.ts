import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { copyGraph } from '../../src/content/copy';
import { DirectoryStore } from '../../src/content/directory-store';
import { RegistryStores } from '../../src/engine/embedded/registry-stores';
import { parseReference } from '../../src/oci/reference';
import type { RegistryRepository } from '../../src/registry/registry-repository';
import { startRegistryServer, type RegistryServer } from '../../src/registry-server/server';

/** A registry on this machine, empty at first, and a client for it. */
export class TestRegistry implements AsyncDisposable {
  private constructor(
    private readonly server: RegistryServer,
    private readonly stores: RegistryStores,
  ) {}

  /** @param root directory for what is pushed */
  static async start(root: string): Promise<TestRegistry> {
    const server = await startRegistryServer({ root });
    const stores = await RegistryStores.open({ env: {}, homeDirectory: root, insecure: [], now: Date.now });
    return new TestRegistry(server, stores);
  }

  /** `127.0.0.1:5000` */
  get host(): string {
    return `127.0.0.1:${this.server.port}`;
  }

  /** @param name without the host, such as `acme/api` */
  repository(name: string): RegistryRepository {
    return this.stores.repository(parseReference(`${this.host}/${name}`));
  }

  /** Pushes each OCI layout NAME below `directory` as `golden/NAME`, with all of its tags. */
  async serveLayouts(directory: string): Promise<void> {
    for (const name of await readdir(directory)) {
      if (name === 'cases' || !(await isFile(join(directory, name, 'oci-layout')))) continue;
      const source = new DirectoryStore(join(directory, name));
      for await (const tag of source.tags()) {
        await copyGraph({ source, target: this.repository(`golden/${name}`) }, tag, { tag }).catch((error: unknown) => {
          // A folder of caches may lie there without its layers; what is no image is not needed.
          if (name !== 'caches') throw error;
        });
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stores[Symbol.asyncDispose]();
    await this.server.close();
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
