import { readFile, writeFile } from 'node:fs/promises';
import { hexOf } from '../oci/digest';
import { startRegistryServer } from '../registry-server/server';
import { describeContentStore } from '../testing/content-store-contract';
import { TemporaryDirectory } from '../testing/temporary-directory';
import { Transport } from '../transport/transport';
import { RegistryClient, type RegistryClientOptions } from './registry-client';

function describeRepository(name: string, options: Omit<RegistryClientOptions, 'transport'>): void {
  describeContentStore(name, async () => {
    const root = await TemporaryDirectory.create();
    const server = await startRegistryServer({ root: root.path });
    const transport = new Transport();
    const client = new RegistryClient({ transport, ...options });
    return {
      store: client.repository({ host: `127.0.0.1:${server.port}`, repository: 'acme/cache' }),
      corrupt: async ({ digest }) => {
        const file = root.join('blobs', 'sha256', hexOf(digest));
        const bytes = await readFile(file);
        bytes[bytes.length >> 1]! ^= 1;
        await writeFile(file, bytes);
      },
      async [Symbol.asyncDispose]() {
        await transport.close();
        await server.close();
        await root[Symbol.asyncDispose]();
      },
    };
  });
}

describeRepository('a registry’s repository', {});
describeRepository('a registry’s repository, written in chunks', { uploadChunkBytes: 50_000 });
