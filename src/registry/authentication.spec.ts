import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isCodedError } from '../diagnostics/coded-error';
import { sampleBlob } from '../testing/content-store-contract';
import { fakeCredentials, FakeRegistry } from '../testing/fake-registry';
import { basicHeader, type Credentials, type CredentialSource } from '../transport/credentials';

const give = (...answers: readonly (Credentials | undefined)[]): CredentialSource & { calls: () => number } => {
  let calls = 0;
  return { calls: () => calls, get: () => Promise.resolve(answers[Math.min(calls++, answers.length - 1)]) };
};
const wrong: Credentials = { kind: 'password', username: 'user', password: 'hunter2-secret' };
const right: Credentials = { kind: 'password', ...fakeCredentials };

/** The scopes that tokens were asked for, one entry per request of a token. */
function askedScopes({ log }: FakeRegistry): readonly (readonly string[])[] {
  return log
    .filter(({ kind, method }) => kind === 'token' && method === 'GET')
    .map(({ target }) => new URL(target, 'http://x').searchParams.getAll('scope'));
}

describe('who we are', () => {
  test('nobody is told before it is asked for', async () => {
    await using registry = await FakeRegistry.start();
    const credentials = give(right);
    await registry.repository('acme/app', { credentials }).resolve('v1');
    assert.equal(credentials.calls(), 0);
    assert.equal(registry.log[0]?.headers.authorization, undefined);
  });

  test('a registry that asks for Basic gets it, also one in a cloud with its own user name', async () => {
    await using registry = await FakeRegistry.start({
      auth: { kind: 'basic', credentials: { username: 'AWS', password: 'ecr-password' } },
    });
    const credentials = give({ kind: 'password', username: 'AWS', password: 'ecr-password' });
    const repository = registry.repository('acme/app', { credentials });
    const { descriptor, source } = sampleBlob('x');
    assert.equal(await repository.put(descriptor, source), 'written');
    assert.deepEqual(registry.count(), { 'HEAD blob': 2, 'POST blob': 1, 'PUT blob': 1 });
    assert.equal(registry.log.at(-1)?.headers.authorization, basicHeader('AWS', 'ecr-password'));
  });

  test('a password that ended is asked for again, once', async () => {
    await using registry = await FakeRegistry.start({ auth: 'basic' });
    const renewed = give(wrong, right);
    assert.equal(await registry.repository('acme/app', { credentials: renewed }).resolve('v1'), undefined);
    assert.equal(renewed.calls(), 2);
    const stale = give(wrong);
    await assert.rejects(registry.repository('acme/app', { credentials: stale }).resolve('v1'));
    assert.equal(stale.calls(), 2);
  });

  test('a token is asked for once, for what a push needs, and serves the pulls that follow', async () => {
    await using registry = await FakeRegistry.start({ auth: 'bearer' });
    const repository = registry.repository('acme/app');
    const blobs = ['a', 'b', 'c'].map(sampleBlob);
    await Promise.all(blobs.map(({ descriptor, source }) => repository.put(descriptor, source)));
    for (const { descriptor } of blobs) (await repository.open(descriptor)).resume();
    await repository.resolve('v1');
    assert.deepEqual(askedScopes(registry), [['repository:acme/app:pull,push']]);
  });

  test('a token for pulling is not enough for a push: a wider one replaces it', async () => {
    await using registry = await FakeRegistry.start({ auth: 'bearer' });
    const repository = registry.repository('acme/app');
    await repository.resolve('v1');
    const { descriptor, source } = sampleBlob('x');
    await repository.put(descriptor, source);
    await repository.resolve('v1');
    assert.deepEqual(askedScopes(registry), [['repository:acme/app:pull'], ['repository:acme/app:pull,push']]);
  });

  test('a mount needs both repositories in one token', async () => {
    await using registry = await FakeRegistry.start({ auth: 'bearer' });
    const client = registry.client();
    const at = (repository: string) => client.repository({ host: registry.host, repository });
    const { descriptor, source } = sampleBlob('x');
    await at('acme/base').put(descriptor, source);
    assert.equal(await at('acme/app').put(descriptor, source), 'mounted');
    assert.deepEqual(askedScopes(registry).at(-1), ['repository:acme/app:pull,push', 'repository:acme/base:pull,push']);
  });

  test('anonymous pulls get an anonymous token', async () => {
    await using registry = await FakeRegistry.start({ auth: { kind: 'bearer', anonymousPull: true } });
    const repository = registry.repository('acme/app', { credentials: give(undefined) });
    assert.equal(await repository.resolve('v1'), undefined);
    const { descriptor, source } = sampleBlob('x');
    await assert.rejects(repository.put(descriptor, source), (error) => {
      assert.ok(isCodedError(error, 'REGISTRY_UNAUTHORIZED'));
      assert.equal(error.detail.credentials, false);
      assert.match(error.hint ?? '', /docker login/);
      return true;
    });
  });

  test('a refresh token is exchanged by POST, as Azure’s login leaves one behind', async () => {
    await using registry = await FakeRegistry.start({ auth: { kind: 'bearer', refreshToken: 'long-lived' } });
    const azure = {
      kind: 'identity-token',
      username: '00000000-0000-0000-0000-000000000000',
      token: 'long-lived',
    } as const;
    const repository = registry.repository('acme/app', { credentials: give(azure) });
    assert.equal(await repository.resolve('v1'), undefined);
    const tokens = registry.log.filter(({ kind }) => kind === 'token');
    assert.deepEqual(
      tokens.map(({ method, target }) => [method, target]),
      [['POST', '/token']],
    );
  });

  test('an endpoint that takes passwords by POST only gets them so', async () => {
    await using registry = await FakeRegistry.start({ auth: { kind: 'bearer', postOnly: true } });
    assert.equal(await registry.repository().resolve('v1'), undefined);
    assert.deepEqual(
      registry.log.filter(({ kind }) => kind === 'token').map(({ method }) => method),
      ['GET', 'POST'],
    );
  });

  test('a finished access token is used as it is', async () => {
    await using registry = await FakeRegistry.start({ auth: 'bearer' });
    const token = (
      (await (
        await fetch(`${registry.url}/token?scope=repository:acme/app:pull`, {
          headers: { authorization: basicHeader(fakeCredentials.username, fakeCredentials.password) },
        })
      ).json()) as { readonly token: string }
    ).token;
    registry.clearLog();
    const repository = registry.repository('acme/app', { credentials: give({ kind: 'access-token', token }) });
    assert.equal(await repository.resolve('v1'), undefined);
    assert.deepEqual(registry.count(), { 'HEAD manifest': 2 });
  });

  test('a token that the registry no longer takes is renewed in the middle, with credentials that were renewed', async () => {
    await using registry = await FakeRegistry.start({ auth: 'bearer' });
    const credentials = give(right, right);
    const repository = registry.repository('acme/app', { credentials });
    assert.equal(await repository.resolve('v1'), undefined);
    registry.auth.revokeTokens();
    registry.clearLog();
    assert.equal(await repository.resolve('v1'), undefined);
    assert.deepEqual(registry.count(), { 'HEAD manifest': 2, token: 1 });
    assert.equal(credentials.calls(), 2);
  });

  test('a token is renewed before it expires', async () => {
    await using registry = await FakeRegistry.start({ auth: { kind: 'bearer', expiresIn: 100 } });
    let now = 0;
    const repository = registry.repository('acme/app', { now: () => now });
    for (const seconds of [0, 89, 91]) {
      now = seconds * 1000;
      await repository.resolve('v1');
    }
    assert.deepEqual(registry.count(), { 'HEAD manifest': 4, token: 2 });
  });

  for (const uploadChunkBytes of [undefined, 1000]) {
    test(`a token that ends during an upload ${uploadChunkBytes === undefined ? '' : 'in chunks '}costs no blob`, async () => {
      await using registry = await FakeRegistry.start({ auth: 'bearer' });
      const settings = uploadChunkBytes === undefined ? {} : { uploadChunkBytes };
      const repository = registry.repository('acme/app', settings);
      const { descriptor, source } = sampleBlob(Buffer.alloc(3500, 'x'));
      const kind = uploadChunkBytes === undefined ? 'PUT blob' : 'PATCH blob';
      const headers = { 'www-authenticate': `Bearer realm="${registry.url}/token",service="fake"` };
      registry.addFaults({ on: kind, kind: 'status', status: 401, headers });
      assert.equal(await repository.put(descriptor, source), 'written');
      assert.equal(await repository.has(descriptor), true);
    });
  }

  test('what a registry repeats of our secrets is in no error', async () => {
    await using registry = await FakeRegistry.start({ auth: 'bearer' });
    const message = 'denied Authorization: Bearer token-1-xxxxxxxx, see https://u:planted-a@h.example/x?sig=planted-b';
    const body = JSON.stringify({ errors: [{ code: 'DENIED', message }], token: 'planted-c' });
    for (const status of [400, 403]) {
      registry.addFaults({ on: 'GET manifest', kind: 'status', status, body });
      await assert.rejects(registry.repository().getManifest('v1'), (error) => {
        assert.ok(isCodedError(error));
        const shown = JSON.stringify([error.message, error.hint, error.detail]);
        assert.match(shown, /DENIED denied/);
        assert.doesNotMatch(shown, /planted|token-1-x/);
        return true;
      });
    }
  });

  test('wrong credentials end soon, and are in no error', async () => {
    for (const kind of ['basic', 'bearer'] as const) {
      await using registry = await FakeRegistry.start({ auth: kind });
      const repository = registry.repository('acme/app', { credentials: give(wrong) });
      await assert.rejects(repository.resolve('v1'), (error) => {
        assert.ok(isCodedError(error, 'REGISTRY_UNAUTHORIZED'));
        assert.equal(error.detail.credentials, true);
        const shown = JSON.stringify([error.message, error.hint, error.detail, String(error.cause)]);
        assert.doesNotMatch(shown, /hunter2/);
        assert.ok(!shown.includes(basicHeader('user', 'hunter2-secret').slice(6)));
        return true;
      });
      assert.ok(registry.log.length <= 4, JSON.stringify(registry.count()));
    }
  });
});
