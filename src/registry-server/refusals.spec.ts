import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { digestOf } from '../oci/digest';
import { maxManifestBytes } from '../oci/manifest';
import { mediaTypes } from '../oci/media-types';
import { errorCodes } from '../testing/http-exchange';
import { RegistryServerRig } from '../testing/registry-server-rig';
import type { RequestLogEntry } from './handler';

const digest = digestOf('x');
const hex = digest.slice('sha256:'.length);

const badPaths: readonly (readonly [path: string, status: number, code: string])[] = [
  ['/', 404, 'UNSUPPORTED'],
  ['/v1/', 404, 'UNSUPPORTED'],
  ['/v2/acme/app', 404, 'UNSUPPORTED'],
  ['/v2/acme/app/unknown/x', 404, 'UNSUPPORTED'],
  ['/v2/../../etc/passwd/manifests/latest', 400, 'NAME_INVALID'],
  ['/v2/acme/../app/manifests/latest', 400, 'NAME_INVALID'],
  ['/v2/acme/%2e%2e/app/manifests/latest', 400, 'NAME_INVALID'],
  ['/v2/acme%2f..%2f..%2fapp/manifests/latest', 400, 'NAME_INVALID'],
  ['/v2/acme/app%00/manifests/latest', 400, 'NAME_INVALID'],
  ['/v2/acme/app%/manifests/latest', 400, 'NAME_INVALID'],
  ['/v2/acme/_tags/manifests/latest', 400, 'NAME_INVALID'],
  ['/v2/ACME/app/manifests/latest', 400, 'NAME_INVALID'],
  ['/v2//acme/manifests/latest', 400, 'NAME_INVALID'],
  ['/v2//manifests/latest', 400, 'NAME_INVALID'],
  [`/v2/${'a'.repeat(256)}/manifests/latest`, 400, 'NAME_INVALID'],
  ['/v2/acme/app/manifests/..', 400, 'TAG_INVALID'],
  ['/v2/acme/app/manifests/%2e%2e', 400, 'TAG_INVALID'],
  ['/v2/acme/app/manifests/..%2f..%2fx', 400, 'TAG_INVALID'],
  ['/v2/acme/app/manifests/', 400, 'TAG_INVALID'],
  [`/v2/acme/app/manifests/${'a'.repeat(129)}`, 400, 'TAG_INVALID'],
  ['/v2/acme/app/manifests/sha256:abc', 400, 'DIGEST_INVALID'],
  ['/v2/acme/app/blobs/latest', 400, 'DIGEST_INVALID'],
  ['/v2/acme/app/blobs/sha256:../../x', 404, 'UNSUPPORTED'],
  [`/v2/acme/app/blobs/sha256:..%2f..%2f${hex.slice(6)}`, 400, 'DIGEST_INVALID'],
  [`/v2/acme/app/blobs/sha256:${hex.slice(1)}`, 400, 'DIGEST_INVALID'],
  [`/v2/acme/app/blobs/sha256:${hex.toUpperCase().replace(/[0-9]/g, 'A')}`, 400, 'DIGEST_INVALID'],
  [`/v2/acme/app/blobs/md5:${hex.slice(32)}`, 400, 'DIGEST_INVALID'],
  [`/v2/acme/app/blobs/SHA256:${hex}`, 400, 'DIGEST_INVALID'],
  [`/v2/acme/app/blobs/${digest}%00`, 400, 'DIGEST_INVALID'],
  ['/v2/acme/app/referrers/latest', 400, 'DIGEST_INVALID'],
  ['/v2/acme/app/blobs/uploads/..', 404, 'BLOB_UPLOAD_UNKNOWN'],
  ['/v2/acme/app/blobs/uploads/..%2f..%2frepositories', 404, 'BLOB_UPLOAD_UNKNOWN'],
];

describe('what the embedded registry refuses', () => {
  test('names, tags, digests and paths that are none, each with its code', async () => {
    await using rig = await RegistryServerRig.start();
    for (const [path, status, code] of badPaths) {
      const answer = await rig.send('GET', path);
      assert.deepEqual([answer.status, errorCodes(answer)], [status, [code]], path);
      assert.equal(answer.headers['content-type'], 'application/json');
    }
    for (const method of ['PUT', 'DELETE', 'PATCH', 'POST']) {
      for (const [path] of badPaths) {
        const { status } = await rig.send(method, path, { body: method === 'DELETE' ? '' : '{}' });
        assert.ok(status >= 400 && status < 500, `${method} ${path}: ${status}`);
      }
    }
    assert.deepEqual(await readdir(rig.directory.path), [], 'nothing was made');
  });

  test('a whole blob under a digest that is none, before its bytes are read', async () => {
    await using rig = await RegistryServerRig.start();
    for (const query of ['digest=latest', 'digest=', `mount=${hex}&from=acme/other`]) {
      const answer = await rig.send('POST', `/v2/acme/app/blobs/uploads/?${query}`, { body: 'x' });
      assert.deepEqual([answer.status, errorCodes(answer)], [400, ['DIGEST_INVALID']], query);
    }
  });

  test('methods that an address does not have, with those that it has', async () => {
    await using rig = await RegistryServerRig.start();
    for (const [method, path, allow] of [
      ['PUT', `/v2/acme/app/blobs/${digest}`, 'GET, HEAD, DELETE'],
      ['POST', '/v2/acme/app/manifests/latest', 'GET, HEAD, PUT, DELETE'],
      ['GET', '/v2/acme/app/blobs/uploads/', 'POST'],
      ['DELETE', '/v2/_catalog', 'GET'],
      ['POST', '/v2/acme/app/tags/list', 'GET'],
    ] as const) {
      const answer = await rig.send(method, path);
      assert.deepEqual([answer.status, errorCodes(answer), answer.headers.allow], [405, ['UNSUPPORTED'], allow]);
    }
  });

  test('a manifest without a stated length ends where the bound is', async () => {
    await using rig = await RegistryServerRig.start();
    const piece = Buffer.alloc(64 * 1024, ' ');
    let sent = 0;
    const endless = function* (): Generator<Buffer> {
      for (; sent < 64 * maxManifestBytes; sent += piece.byteLength) yield piece;
    };
    const headers = { 'content-type': mediaTypes.ociManifest };
    const body = Readable.from(endless(), { objectMode: false });
    const outcome = await rig.send('PUT', '/v2/acme/app/manifests/v1', { headers, body }).then(
      ({ status }) => status,
      () => 'broken off',
    );
    assert.ok(outcome === 413 || outcome === 'broken off', String(outcome));
    assert.ok(sent < 64 * maxManifestBytes, 'the rest was not taken');
  });

  test('whoever has not the credentials, everywhere', async () => {
    await using rig = await RegistryServerRig.start({ auth: { username: 'me', password: 'pass:word' } });
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
    for (const path of ['/v2/', '/v2/_catalog', '/v2/acme/app/manifests/latest', '/nowhere']) {
      for (const headers of [{}, basic('me:pass'), basic('me'), basic(':'), { authorization: 'Bearer pass:word' }]) {
        const answer = await rig.send('GET', path, { headers });
        assert.deepEqual([answer.status, errorCodes(answer)], [401, ['UNAUTHORIZED']]);
        assert.match(String(answer.headers['www-authenticate']), /^Basic realm="/);
      }
    }
    const url = `/v2/acme/app/blobs/uploads/?digest=${digest}`;
    assert.equal((await rig.send('POST', url, { body: 'x' })).status, 401);
    assert.equal((await rig.send('POST', url, { body: 'x', headers: basic('me:pass:word') })).status, 201);
  });

  test('a refusal leaves the connection usable, and the log has no queries', async () => {
    const log: RequestLogEntry[] = [];
    await using rig = await RegistryServerRig.start({ log: (entry) => log.push(entry) });
    const answer = await rig.send('GET', '/v2/acme/app/manifests/latest?secret=1', {
      headers: { connection: 'keep-alive' },
    });
    assert.equal(answer.headers.connection, 'keep-alive');
    assert.deepEqual(log, [{ method: 'GET', path: '/v2/acme/app/manifests/latest', status: 404 }]);
  });
});
