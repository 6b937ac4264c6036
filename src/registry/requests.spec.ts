import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { digestOf } from '../oci/digest';
import { serializeManifest } from '../oci/manifest';
import { mediaTypes } from '../oci/media-types';
import { sampleBlob } from '../testing/content-store-contract';
import { FakeRegistry } from '../testing/fake-registry';
import type { RegistryRepository } from './registry-repository';

const layers = Array.from({ length: 5 }, (_, index) => sampleBlob(`layer ${index}`));
const config = sampleBlob('{}');

async function pushImage(repository: RegistryRepository, tag = 'v1'): Promise<void> {
  await Promise.all([...layers, config].map(({ descriptor, source }) => repository.put(descriptor, source)));
  const mediaType = mediaTypes.ociManifest;
  const bytes = serializeManifest({
    kind: 'manifest',
    mediaType,
    config: { ...config.descriptor, mediaType: mediaTypes.ociConfig },
    layers: layers.map(({ descriptor }) => descriptor),
  });
  await repository.putManifest({ mediaType, bytes }, { tag });
}

describe('how many requests it takes', () => {
  test('to learn that an image is there: one, after the token', async () => {
    await using registry = await FakeRegistry.start({ auth: 'bearer' });
    await pushImage(registry.repository());
    registry.clearLog();
    const fresh = registry.repository();
    assert.ok(await fresh.resolve('v1'));
    assert.deepEqual(
      registry.log.map(({ kind, headers }) => [kind, headers.authorization?.split(' ')[0]]),
      [
        ['HEAD manifest', undefined],
        ['token', 'Basic'],
        ['HEAD manifest', 'Bearer'],
      ],
    );
    registry.clearLog();
    assert.ok(await fresh.resolve('v1'));
    assert.deepEqual(registry.count(), { 'HEAD manifest': 1 });
  });

  test('to push n layers: three each, one manifest, one token, one refusal', async () => {
    await using registry = await FakeRegistry.start({ auth: 'bearer' });
    await pushImage(registry.repository());
    assert.deepEqual(registry.count(), {
      token: 1,
      'HEAD blob': layers.length + 1 + 1,
      'POST blob': layers.length + 1,
      'PUT blob': layers.length + 1,
      'PUT manifest': 1,
    });
  });

  test('to push them again: one each in a new process, none in the same', async () => {
    await using registry = await FakeRegistry.start();
    await pushImage(registry.repository());
    registry.clearLog();
    const repository = registry.repository();
    await pushImage(repository, 'v2');
    assert.deepEqual(registry.count(), { 'HEAD blob': layers.length + 1, 'PUT manifest': 1 });
    registry.clearLog();
    await pushImage(repository, 'v3');
    assert.deepEqual(registry.count(), { 'PUT manifest': 1 });
  });

  test('to push what another repository of the registry was seen to have: two each, and no bytes', async () => {
    await using registry = await FakeRegistry.start();
    await pushImage(registry.repository('acme/cache'));
    const client = registry.client();
    const at = (repository: string) => client.repository({ host: registry.host, repository });
    await at('acme/cache').getManifest('v1');
    registry.clearLog();
    await pushImage(at('acme/app'));
    const expected = { 'HEAD blob': layers.length + 1, 'POST blob': layers.length + 1, 'PUT manifest': 1 };
    assert.deepEqual(registry.count(), expected);
    registry.clearLog();
    const second = registry.client();
    const elsewhere = (repository: string) => second.repository({ host: registry.host, repository });
    for (const { descriptor } of [...layers, config]) (await elsewhere('acme/cache').open(descriptor)).resume();
    registry.clearLog();
    await pushImage(elsewhere('acme/other'));
    assert.deepEqual(registry.count(), expected);
    assert.deepEqual([client.traffic().bytesSent, second.traffic().bytesSent], [0, 0]);
  });

  test('where a mount is not possible: the session that it opens is used for the upload', async () => {
    await using registry = await FakeRegistry.start();
    const repository = registry.repository();
    const [{ descriptor, source }] = [layers[0]!];
    const annotations = { [`containerd.io/distribution.source.${registry.host}`]: 'acme/gone' };
    assert.equal(await repository.put({ ...descriptor, annotations }, source), 'written');
    assert.deepEqual(registry.count(), { 'HEAD blob': 1, 'POST blob': 1, 'PUT blob': 1 });
  });

  test('where a repository must not be read: it is asked for a mount once', async () => {
    await using registry = await FakeRegistry.start();
    const refusedMount = { on: 'POST blob', kind: 'status', status: 403 } as const;
    registry.addFaults(refusedMount);
    const repository = registry.repository();
    const annotations = { [`containerd.io/distribution.source.${registry.host}`]: 'acme/private' };
    for (const { descriptor, source } of layers) {
      assert.equal(await repository.put({ ...descriptor, annotations }, source), 'written');
    }
    assert.equal(registry.count()['POST blob'], layers.length + 1);
  });

  test('an annotation that names no repository is not tried', async () => {
    await using registry = await FakeRegistry.start();
    const { descriptor, source } = layers[0]!;
    const annotations = { [`containerd.io/distribution.source.${registry.host}`]: '../x,,a b,acme/app,A' };
    await registry.repository().put({ ...descriptor, annotations }, source);
    assert.ok(registry.log.every(({ target }) => !target.includes('mount=')));
  });

  test('one after the other share their connections, whatever they are', async () => {
    await using registry = await FakeRegistry.start({ auth: 'bearer' });
    const repository = registry.repository();
    for (const { descriptor, source } of [...layers, config]) {
      await repository.put(descriptor, source);
      await repository.has(descriptor);
      for await (const chunk of await repository.open(descriptor)) assert.ok(chunk);
    }
    assert.equal(await repository.resolve('none'), undefined);
    assert.equal(await repository.getManifest('none'), undefined);
    assert.equal(await repository.deleteManifest(digestOf('none')), false);
    // undici rests a connection for a moment after an answer, so that two take turns.
    assert.ok(registry.connections <= 2, `${registry.connections} connections for ${registry.log.length} requests`);
  });

  test('many at once ask who we are once, and what for each repository once', async () => {
    await using registry = await FakeRegistry.start({ auth: 'bearer' });
    const client = registry.client();
    const names = ['acme/base', 'acme/cache', 'acme/app'];
    await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        client.repository({ host: registry.host, repository: names[index % 3]! }).resolve(`v${index}`),
      ),
    );
    assert.deepEqual(registry.count(), { 'HEAD manifest': 31, token: 3 });
  });
});
