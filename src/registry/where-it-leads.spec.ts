import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { isCodedError } from '../diagnostics/coded-error';
import { sampleBlob } from '../testing/content-store-contract';
import { FakeRegistry } from '../testing/fake-registry';
import type { Fault } from '../testing/fake-registry-fault';

const blob = sampleBlob('content');
const blobPath = `/v2/acme/app/blobs/${blob.descriptor.digest}`;

const isRefused = (reason?: string) => (error: unknown) => {
  assert.ok(isCodedError(error, 'REDIRECT_REFUSED'), String(error));
  if (reason !== undefined) assert.equal(error.detail.reason, reason);
  return true;
};

const redirect = (on: string, location: string, status = 307): Fault => ({
  on,
  kind: 'status',
  status,
  headers: { location },
});

/** A registry that wants a token, and a second server that the user trusts, which has the same blob. */
async function withStorage(auth: 'none' | 'bearer' = 'none') {
  const storage = await FakeRegistry.start({ auth });
  await storage.repository().put(blob.descriptor, blob.source);
  storage.clearLog();
  const registry = await FakeRegistry.start({ auth: 'bearer' });
  const repository = registry.repository('acme/app', { insecureRegistries: [storage.host] });
  const close = async (): Promise<void> => {
    await registry[Symbol.asyncDispose]();
    await storage[Symbol.asyncDispose]();
  };
  return { registry, storage, repository, [Symbol.asyncDispose]: close };
}

describe('a redirect', () => {
  test('is followed to storage elsewhere, without the token', async () => {
    await using rig = await withStorage();
    for (const status of [301, 302, 303, 307, 308]) {
      rig.registry.addFaults(redirect('GET blob', `${rig.storage.url}${blobPath}?X-Signature=secret`, status));
      assert.equal((await buffer(await rig.repository.open(blob.descriptor))).toString(), 'content');
    }
    assert.ok(rig.registry.log.some(({ headers }) => headers.authorization?.startsWith('Bearer ')));
    assert.equal(rig.storage.log.length, 5);
    assert.ok(rig.storage.log.every(({ headers }) => headers.authorization === undefined));
  });

  test('keeps the token where it stays at the registry', async () => {
    await using registry = await FakeRegistry.start({ auth: 'bearer' });
    const repository = registry.repository();
    await repository.put(blob.descriptor, blob.source);
    registry.addFaults(redirect('GET blob', `${blobPath}?again=1`));
    assert.equal((await buffer(await repository.open(blob.descriptor))).toString(), 'content');
  });

  test('to storage that asks for credentials gets none', async () => {
    await using rig = await withStorage('bearer');
    rig.registry.addFaults(redirect('GET blob', `${rig.storage.url}${blobPath}`));
    await assert.rejects(rig.repository.open(blob.descriptor), (error) => isCodedError(error, 'REGISTRY_UNAUTHORIZED'));
    assert.deepEqual(rig.storage.count(), { 'GET blob': 1 }, 'its challenge is not answered');
    assert.equal(rig.storage.log[0]?.headers.authorization, undefined);
  });

  test('does not lead to other services of this machine or its network, nor in a circle', async () => {
    await using registry = await FakeRegistry.start();
    await using other = await FakeRegistry.start();
    const repository = registry.repository();
    for (const target of [
      `${other.url}${blobPath}`,
      'http://169.254.169.254/latest/meta-data/',
      'http://[::ffff:169.254.169.254]/',
      'http://10.0.0.1/',
      'file:///etc/passwd',
      'https://user:pass@cdn.example/',
      'http://cdn.example/',
    ]) {
      registry.addFaults(redirect('GET blob', target));
      await assert.rejects(repository.open(blob.descriptor), isRefused());
    }
    assert.equal(other.log.length, 0);
    registry.addFaults({ ...redirect('GET blob', blobPath), times: 99 });
    await assert.rejects(repository.open(blob.descriptor), (error) => isCodedError(error, 'REGISTRY_PROTOCOL'));
  });

  test('hides what is signed in its address from messages', async () => {
    await using registry = await FakeRegistry.start();
    registry.addFaults(redirect('GET blob', 'http://10.0.0.1/x?X-Amz-Signature=planted-secret'));
    await assert.rejects(registry.repository().open(blob.descriptor), (error) => {
      assert.ok(isCodedError(error, 'REDIRECT_REFUSED'));
      assert.doesNotMatch(JSON.stringify([error.message, error.detail, error.hint]), /planted-secret/);
      return true;
    });
  });
});

describe('the Location of an upload', () => {
  const location = (value: string): Fault => ({ on: 'POST blob', kind: 'headers', headers: { location: value } });

  test('elsewhere on this machine’s network gets no bytes', async () => {
    await using registry = await FakeRegistry.start({ auth: 'bearer' });
    await using other = await FakeRegistry.start();
    const repository = registry.repository();
    for (const target of [`${other.url}/upload`, 'http://10.0.0.1/upload', 'http://[::1]:1/upload']) {
      registry.addFaults(location(target));
      await assert.rejects(
        repository.put(blob.descriptor, blob.source),
        isRefused('it is an address of a private network'),
      );
    }
    assert.equal(other.log.length, 0);
    assert.equal(await repository.has(blob.descriptor), false);
  });

  test('on a server that the user trusts gets the bytes, but no token', async () => {
    await using rig = await withStorage();
    const begun = await fetch(`${rig.storage.url}/v2/acme/up/blobs/uploads/`, { method: 'POST' });
    rig.storage.clearLog();
    rig.registry.addFaults(location(`${rig.storage.url}${begun.headers.get('location') ?? ''}`));
    assert.equal(await rig.repository.put(blob.descriptor, blob.source), 'written');
    assert.deepEqual(rig.storage.count(), { 'PUT blob': 1 });
    assert.equal(rig.storage.log[0]?.headers.authorization, undefined);
  });

  test('may be relative, and keeps its query', async () => {
    await using registry = await FakeRegistry.start();
    const repository = registry.repository();
    const begun = await fetch(`${registry.url}/v2/acme/app/blobs/uploads/`, { method: 'POST' });
    registry.addFaults(location(`${begun.headers.get('location') ?? ''}?_state=a%2Bb`));
    assert.equal(await repository.put(blob.descriptor, blob.source), 'written');
    const put = registry.log.find(({ kind }) => kind === 'PUT blob');
    assert.match(put?.target ?? '', /\?_state=a%2Bb&digest=sha256%3A[0-9a-f]{64}$/);
  });

  test('that is missing is a broken protocol', async () => {
    await using registry = await FakeRegistry.start();
    registry.addFaults({ on: 'POST blob', kind: 'status', status: 202 });
    await assert.rejects(registry.repository().put(blob.descriptor, blob.source), (error) =>
      isCodedError(error, 'REGISTRY_PROTOCOL'),
    );
  });
});

describe('the realm of a challenge', () => {
  for (const realm of [
    'http://169.254.169.254/latest/api/token',
    'http://0.0.0.0:1/token',
    'http://[::ffff:127.0.0.1]:1/token',
    'http://[::]:1/token',
    'http://127.0.0.1:1/token',
    'http://localhost:1/token',
    'http://auth.example/token',
    'https://user:pass@auth.example/token',
    'file:///etc/passwd',
  ]) {
    test(`${realm} is not asked`, async () => {
      await using registry = await FakeRegistry.start({ auth: { kind: 'bearer', realm } });
      await assert.rejects(registry.repository().resolve('v1'), isRefused());
      assert.deepEqual(registry.count(), { 'HEAD manifest': 1 });
    });
  }

  test('does not get the password to where it redirects', async () => {
    await using registry = await FakeRegistry.start({ auth: 'bearer' });
    await using other = await FakeRegistry.start({ auth: { kind: 'bearer', anonymousPull: true } });
    const target = `${other.url}/token?scope=repository:acme/app:pull`;
    registry.addFaults({ ...redirect('token', target), times: 99 });
    await assert.rejects(registry.repository().resolve('v1'), isRefused());
    assert.equal(other.log.length, 0);
    const trusting = registry.repository('acme/app', { insecureRegistries: [other.host] });
    await assert.rejects(trusting.resolve('v1'), (error) => isCodedError(error, 'REGISTRY_UNAUTHORIZED'));
    assert.notDeepEqual(other.count(), {});
    assert.ok(other.log.every(({ headers }) => headers.authorization === undefined));
  });

  test('does not get a refresh token, which is in the body, to where it redirects', async () => {
    await using registry = await FakeRegistry.start({ auth: 'bearer' });
    await using other = await FakeRegistry.start();
    registry.addFaults(redirect('token', `${other.url}/token`, 308));
    const credentials = { get: () => Promise.resolve({ kind: 'identity-token', username: '', token: 't' } as const) };
    const repository = registry.repository('acme/app', { credentials, insecureRegistries: [other.host] });
    await assert.rejects(repository.resolve('v1'), isRefused('credentials would go along'));
    assert.equal(other.log.length, 0);
  });
});
