import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { digestOf } from '../oci/digest';
import { mediaTypes } from '../oci/media-types';
import { errorCodes } from '../testing/http-exchange';
import { RegistryServerRig } from '../testing/registry-server-rig';

describe('pulling from the embedded registry', () => {
  test('the base answers who is there', async () => {
    await using rig = await RegistryServerRig.start();
    for (const [method, path] of [
      ['GET', '/v2/'],
      ['GET', '/v2'],
      ['HEAD', '/v2/'],
    ] as const) {
      const answer = await rig.send(method, path);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['docker-distribution-api-version'], 'registry/2.0');
    }
    const wrong = await rig.send('POST', '/v2/');
    assert.deepEqual([wrong.status, wrong.headers.allow], [405, 'GET']);
  });

  test('a blob comes with its size and digest; HEAD says the same without it', async () => {
    await using rig = await RegistryServerRig.start();
    const { digest } = await rig.pushBlob('acme/app', '0123456789');
    const path = `/v2/acme/app/blobs/${digest}`;
    for (const method of ['GET', 'HEAD']) {
      const { bytes, headers, status } = await rig.send(method, path);
      assert.equal(status, 200);
      assert.equal(headers['content-length'], '10');
      assert.equal(headers['docker-content-digest'], digest);
      assert.equal(headers['accept-ranges'], 'bytes');
      assert.equal(bytes.toString(), method === 'GET' ? '0123456789' : '');
    }
  });

  test('a blob is there only for the repositories that have it', async () => {
    await using rig = await RegistryServerRig.start();
    const { digest } = await rig.pushBlob('acme/app', 'mine');
    for (const repository of ['acme/other', 'acme', 'acme/app/sub']) {
      const answer = await rig.send('GET', `/v2/${repository}/blobs/${digest}`);
      assert.deepEqual([answer.status, errorCodes(answer)], [404, ['BLOB_UNKNOWN']]);
      assert.equal((await rig.send('HEAD', `/v2/${repository}/blobs/${digest}`)).status, 404);
    }
  });

  const ranges: readonly (readonly [range: string, status: number, body: string, contentRange?: string])[] = [
    ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=8-99', 206, '89', 'bytes 8-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-99', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=0-1,3-4', 200, '0123456789'],
    ['bytes=4-2', 200, '0123456789'],
    ['lines=1-2', 200, '0123456789'],
  ];
  for (const [range, status, body, contentRange] of ranges) {
    test(`Range: ${range} is answered with ${status}`, async () => {
      await using rig = await RegistryServerRig.start();
      const { digest } = await rig.pushBlob('acme/app', '0123456789');
      const answer = await rig.send('GET', `/v2/acme/app/blobs/${digest}`, { headers: { range } });
      assert.deepEqual([answer.status, answer.text], [status, body]);
      assert.equal(answer.headers['content-range'], contentRange);
      assert.equal(answer.headers['content-length'], String(body.length));
      const head = await rig.send('HEAD', `/v2/acme/app/blobs/${digest}`, { headers: { range } });
      assert.deepEqual([head.status, head.headers['content-length']], [200, '10'], 'a range is for GET only');
    });
  }

  test('a range behind the end is 416 with the size', async () => {
    await using rig = await RegistryServerRig.start();
    const { digest } = await rig.pushBlob('acme/app', '0123456789');
    for (const range of ['bytes=10-', 'bytes=10-12', 'bytes=-0']) {
      const answer = await rig.send('GET', `/v2/acme/app/blobs/${digest}`, { headers: { range } });
      assert.deepEqual([answer.status, errorCodes(answer)], [416, ['RANGE_INVALID']]);
      assert.equal(answer.headers['content-range'], 'bytes */10');
    }
  });

  test('a manifest comes by tag and by digest, byte for byte, with its type', async () => {
    await using rig = await RegistryServerRig.start();
    const digest = await rig.pushImage('acme/app', 'a', 'v1');
    for (const reference of ['v1', digest]) {
      const get = await rig.send('GET', `/v2/acme/app/manifests/${reference}`);
      assert.equal(get.status, 200);
      assert.equal(digestOf(get.bytes), digest);
      const head = await rig.send('HEAD', `/v2/acme/app/manifests/${reference}`);
      assert.equal(head.status, 200);
      for (const { headers } of [get, head]) {
        assert.equal(headers['content-type'], mediaTypes.ociManifest);
        assert.equal(headers['docker-content-digest'], digest);
        assert.equal(headers['content-length'], String(get.bytes.byteLength));
      }
    }
  });

  test('a manifest that is not there is MANIFEST_UNKNOWN, also one of another repository', async () => {
    await using rig = await RegistryServerRig.start();
    const digest = await rig.pushImage('acme/app', 'a', 'v1');
    for (const path of [
      '/v2/acme/app/manifests/v2',
      `/v2/acme/other/manifests/${digest}`,
      `/v2/acme/app/manifests/${digestOf('none')}`,
    ]) {
      const answer = await rig.send('GET', path);
      assert.deepEqual([answer.status, errorCodes(answer)], [404, ['MANIFEST_UNKNOWN']]);
    }
  });

  test('a client that does not accept the type of a manifest does not get it', async () => {
    await using rig = await RegistryServerRig.start();
    await rig.pushImage('acme/app', 'a', 'v1');
    const ask = async (accept: string): Promise<number> =>
      (await rig.send('GET', '/v2/acme/app/manifests/v1', { headers: { accept } })).status;
    assert.equal(await ask(`${mediaTypes.dockerManifest}, ${mediaTypes.ociManifest};q=0.5`), 200);
    assert.equal(await ask('*/*'), 200);
    assert.equal(await ask(mediaTypes.dockerManifest), 404);
  });
});
