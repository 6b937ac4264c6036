import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { isCodedError } from '../diagnostics/coded-error';
import { TemporaryDirectory } from '../testing/temporary-directory';
import { askCredentialHelper } from './credential-helper';
import type { CredentialSource } from './credentials';
import { dockerCredentials } from './docker-credentials';

const encode = (text: string): string => Buffer.from(text).toString('base64');

/** A folder with a config file and helpers, the latter as shell scripts that find the server in `$server`. */
async function setUp(
  config: unknown,
  helpers: Readonly<Record<string, string>> = {},
): Promise<AsyncDisposable & { readonly source: CredentialSource; readonly path: string }> {
  const directory = await TemporaryDirectory.create();
  await mkdir(directory.join('bin'));
  await writeFile(directory.join('config.json'), typeof config === 'string' ? config : JSON.stringify(config));
  for (const [name, script] of Object.entries(helpers)) {
    const file = directory.join('bin', `docker-credential-${name}`);
    await writeFile(file, `#!/bin/sh\nread -r server || true\n${script}\n`);
    await chmod(file, 0o755);
  }
  const path = `${directory.join('bin')}:/usr/bin:/bin`;
  return {
    source: dockerCredentials({ configDirectory: directory.path, env: { PATH: path } }),
    path,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

const isUnreadable = (secret?: string) => (error: unknown) =>
  isCodedError(error, 'CREDENTIALS_UNREADABLE') && (secret === undefined || !error.message.includes(secret));

test('credentials in the file, under the names that docker has used for a host', async () => {
  await using rig = await setUp({
    auths: {
      'https://index.docker.io/v1/': { auth: encode('hub:pass:word') },
      'ghcr.io': { auth: encode('me:token\0\0') },
      'https://old.example/v2/': { username: 'u', password: 'p' },
      'acr.example': { auth: encode('00000000-0000:'), identitytoken: 'refresh' },
      'token.example': { registrytoken: 'access' },
      'empty.example': {},
    },
  });
  const get = (host: string) => rig.source.get(host);
  assert.deepEqual(await get('docker.io'), { kind: 'password', username: 'hub', password: 'pass:word' });
  assert.deepEqual(await get('ghcr.io'), { kind: 'password', username: 'me', password: 'token' });
  assert.deepEqual(await get('old.example'), { kind: 'password', username: 'u', password: 'p' });
  assert.deepEqual(await get('acr.example'), { kind: 'identity-token', username: '00000000-0000', token: 'refresh' });
  assert.deepEqual(await get('token.example'), { kind: 'access-token', token: 'access' });
  for (const host of ['empty.example', 'other.example', 'hcr.io', 'ghcr.io:5000', '__proto__']) {
    assert.equal(await get(host), undefined);
  }
});

test('no file means anonymous; a broken one is an error that does not quote it', async () => {
  await using directory = await TemporaryDirectory.create();
  const source = dockerCredentials({ configDirectory: directory.join('none'), env: {} });
  assert.equal(await source.get('ghcr.io'), undefined);
  await using broken = await setUp('{"auths": {"ghcr.io": {"auth": "hunter2');
  await assert.rejects(broken.source.get('ghcr.io'), isUnreadable('hunter2'));
  await using wrong = await setUp({ auths: { 'ghcr.io': { auth: 'hunter2' } } });
  await assert.rejects(wrong.source.get('ghcr.io'), isUnreadable('hunter2'));
});

test(
  'the helper of a host comes first, then the store, then the file',
  { skip: process.platform === 'win32' },
  async () => {
    const answer = (user: string): string => `echo '{"Username":"${user}","Secret":"s '"$server"'"}'`;
    await using rig = await setUp(
      {
        credsStore: 'all',
        credHelpers: { 'ghcr.io': 'one' },
        auths: { 'file.example': { auth: encode('file:p') } },
      },
      {
        one: answer('one'),
        all: `case $server in file.example) echo 'credentials not found in native keychain'; exit 1;; esac; ${answer('all')}`,
      },
    );
    const user = async (host: string) => rig.source.get(host);
    assert.deepEqual(await user('ghcr.io'), { kind: 'password', username: 'one', password: 's ghcr.io' });
    const hub = { kind: 'password', username: 'all', password: 's https://index.docker.io/v1/' };
    assert.deepEqual(await user('docker.io'), hub);
    assert.deepEqual(await user('file.example'), { kind: 'password', username: 'file', password: 'p' });
  },
);

test('Docker Hub goes by several names, and its helper by one', { skip: process.platform === 'win32' }, async () => {
  for (const key of ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io', 'registry-1.docker.io']) {
    await using helped = await setUp(
      { credHelpers: { [key]: 'hub' } },
      { hub: `echo '{"Username":"u","Secret":"'"$server"'"}'` },
    );
    const password = 'https://index.docker.io/v1/';
    assert.deepEqual(await helped.source.get('docker.io'), { kind: 'password', username: 'u', password });
    assert.equal(await helped.source.get('ghcr.io'), undefined);
    await using filed = await setUp({ auths: { [key]: { auth: encode('u:p') } } });
    assert.deepEqual(await filed.source.get('docker.io'), { kind: 'password', username: 'u', password: 'p' });
  }
});

test('an identity token is told by its user name', { skip: process.platform === 'win32' }, async () => {
  await using rig = await setUp({ credsStore: 'x' }, { x: `echo '{"Username":"<token>","Secret":"t"}'` });
  assert.deepEqual(await rig.source.get('r.example'), { kind: 'identity-token', username: '', token: 't' });
});

test(
  'a helper that fails is an error for its host, and for no other',
  { skip: process.platform === 'win32' },
  async () => {
    await using rig = await setUp(
      {
        credHelpers: { 'a.example': 'broken', 'c.example': 'missing', 'd.example': '../evil', 'e.example': 'chatty' },
        auths: { 'a.example': { auth: encode('a:a') }, 'b.example': { auth: encode('b:b') } },
      },
      {
        broken: 'echo "hunter2"; echo "Authorization: Basic aHVudGVyMg==" >&2; exit 3',
        chatty: 'head -c 200000 /dev/zero',
      },
    );
    await assert.rejects(rig.source.get('a.example'), isUnreadable('hunter2'));
    await assert.rejects(rig.source.get('a.example'), isUnreadable('aHVudGVyMg'));
    assert.deepEqual(await rig.source.get('b.example'), { kind: 'password', username: 'b', password: 'b' });
    for (const host of ['c.example', 'd.example', 'e.example']) {
      await assert.rejects(rig.source.get(host), isUnreadable());
    }
  },
);

test('a helper that hangs is given up, with its children', { skip: process.platform === 'win32' }, async () => {
  await using rig = await setUp({}, { slow: 'sleep 60' });
  const call = { helper: 'slow', server: 'r.example', env: { PATH: rig.path } };
  await assert.rejects(askCredentialHelper({ ...call, timeoutMs: 50 }), isUnreadable());
  const abort = new AbortController();
  setTimeout(() => abort.abort(new Error('enough')), 20);
  await assert.rejects(askCredentialHelper({ ...call, signal: abort.signal }), { message: 'enough' });
});
