import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { serializeManifest } from '../../src/oci/manifest';
import { mediaTypes } from '../../src/oci/media-types';
import { RegistryClient, type RegistryClientOptions } from '../../src/registry/registry-client';
import { describeContentStore, sampleBlob, tagsOf } from '../../src/testing/content-store-contract';
import { Transport } from '../../src/transport/transport';
import { DockerRegistry, whyNoDockerRegistry } from './docker-registry';

const skip = whyNoDockerRegistry() ?? false;

async function start(options: Omit<RegistryClientOptions, 'transport'> = {}) {
  const registry = await DockerRegistry.start();
  const transport = new Transport();
  const client = new RegistryClient({ transport, ...options });
  const close = async (): Promise<void> => {
    await transport.close();
    await registry[Symbol.asyncDispose]();
  };
  const at = (repository: string) => client.repository({ host: registry.host, repository });
  return { client, at, store: at('acme/cache'), deletesTags: false, [Symbol.asyncDispose]: close };
}

describe('Docker’s registry', { skip }, () => {
  if (skip !== false) return;
  describeContentStore('a repository of Docker’s registry', () => start());
  describeContentStore('a repository of Docker’s registry, written in chunks', () =>
    start({ uploadChunkBytes: 50_000 }),
  );

  test('mounts what another repository has', async () => {
    await using rig = await start();
    const { descriptor, source } = sampleBlob(randomBytes(100_000));
    assert.equal(await rig.at('acme/base').put(descriptor, source), 'written');
    assert.equal(await rig.at('acme/app').put(descriptor, source), 'mounted');
    assert.equal(rig.client.traffic().bytesSent, descriptor.size);
  });

  test('lists tags in pages', async () => {
    await using rig = await start();
    const config = sampleBlob('{}');
    await rig.store.put(config.descriptor, config.source);
    const mediaType = mediaTypes.ociManifest;
    const bytes = serializeManifest({ kind: 'manifest', mediaType, config: config.descriptor, layers: [] });
    const names = Array.from({ length: 30 }, (_, index) => `tag-${index}`).sort();
    for (const tag of names) await rig.store.putManifest({ mediaType, bytes }, { tag });
    assert.deepEqual(await tagsOf(rig.store), names);
  });
});
