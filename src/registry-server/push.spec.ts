import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { digestOf } from '../oci/digest';
import { errorCodes, type ExchangeAnswer } from '../testing/http-exchange';
import { RegistryServerRig } from '../testing/registry-server-rig';

const content = 'hello registry';
const digest = digestOf(content);
const blobPath = `/v2/acme/app/blobs/${digest}`;

async function assertStored(rig: RegistryServerRig, answer: ExchangeAnswer): Promise<void> {
  assert.equal(answer.status, 201, answer.text);
  assert.equal(answer.headers.location, blobPath);
  assert.equal(answer.headers['docker-content-digest'], digest);
  assert.equal((await rig.send('GET', blobPath)).text, content);
  assert.deepEqual(await readdir(rig.directory.join('uploads')), [], 'no upload is left');
}

describe('pushing blobs to the embedded registry', () => {
  test('in one POST with the digest', async () => {
    await using rig = await RegistryServerRig.start();
    await assertStored(rig, await rig.send('POST', `/v2/acme/app/blobs/uploads/?digest=${digest}`, { body: content }));
  });

  test('by POST and PUT, the digest encoded or not', async () => {
    for (const query of [`digest=${digest}`, `digest=${encodeURIComponent(digest)}`]) {
      await using rig = await RegistryServerRig.start();
      const upload = await rig.beginUpload('acme/app');
      await assertStored(rig, await rig.send('PUT', `${upload}?${query}`, { body: content }));
    }
  });

  test('by POST, PATCH and an empty PUT', async () => {
    await using rig = await RegistryServerRig.start();
    const upload = await rig.beginUpload('acme/app');
    const patched = await rig.send('PATCH', upload, { body: content });
    assert.deepEqual([patched.status, patched.headers.range], [202, `0-${content.length - 1}`]);
    await assertStored(rig, await rig.send('PUT', `${upload}?digest=${digest}`));
  });

  test('in chunks, the last of them in the PUT', async () => {
    await using rig = await RegistryServerRig.start();
    const upload = await rig.beginUpload('acme/app');
    const chunk = (start: number, end: number) => ({
      headers: { 'content-range': `${start}-${end - 1}` },
      body: content.slice(start, end),
    });
    assert.equal((await rig.send('PATCH', upload, chunk(0, 5))).headers.range, '0-4');
    assert.equal((await rig.send('PATCH', upload, chunk(5, 10))).headers.range, '0-9');
    await assertStored(rig, await rig.send('PUT', `${upload}?digest=${digest}`, chunk(10, content.length)));
  });

  test('with a digest of sha512, and an empty one', async () => {
    await using rig = await RegistryServerRig.start();
    for (const [text, name] of [
      [content, digestOf(content, 'sha512')],
      ['', digestOf('')],
    ] as const) {
      const upload = await rig.beginUpload('acme/app');
      assert.equal((await rig.send('PUT', `${upload}?digest=${name}`, { body: text })).status, 201);
      assert.equal((await rig.send('GET', `/v2/acme/app/blobs/${name}`)).text, text);
    }
  });

  test('a chunk out of order is 416 with what is there, and the upload goes on', async () => {
    await using rig = await RegistryServerRig.start();
    const upload = await rig.beginUpload('acme/app');
    await rig.send('PATCH', upload, { headers: { 'content-range': '0-4' }, body: content.slice(0, 5) });
    for (const [range, body] of [
      ['6-9', content.slice(6, 10)],
      ['0-4', content.slice(0, 5)],
      ['5-9', content.slice(5, 8)],
      ['9-5', content.slice(5, 10)],
      ['all', content],
    ] as const) {
      const answer = await rig.send('PATCH', upload, { headers: { 'content-range': range }, body });
      assert.deepEqual([answer.status, answer.headers.range], [416, '0-4'], range);
      assert.deepEqual(errorCodes(answer), ['BLOB_UPLOAD_INVALID']);
    }
    await assertStored(rig, await rig.send('PUT', `${upload}?digest=${digest}`, { body: content.slice(5) }));
  });

  test('an upload tells how far it is, and can be cancelled', async () => {
    await using rig = await RegistryServerRig.start();
    const upload = await rig.beginUpload('acme/app');
    await rig.send('PATCH', upload, { body: 'hello' });
    const status = await rig.send('GET', upload);
    assert.deepEqual([status.status, status.headers.range, status.headers.location], [204, '0-4', upload]);
    assert.equal((await rig.send('DELETE', upload)).status, 204);
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      const answer = await rig.send(method, upload);
      assert.deepEqual([answer.status, errorCodes(answer)], [404, ['BLOB_UPLOAD_UNKNOWN']]);
    }
    assert.deepEqual(await readdir(rig.directory.join('uploads')), []);
  });

  test('an upload belongs to its repository', async () => {
    await using rig = await RegistryServerRig.start();
    const upload = (await rig.beginUpload('acme/app')).replace('acme/app', 'acme/other');
    const answer = await rig.send('PUT', `${upload}?digest=${digest}`, { body: content });
    assert.deepEqual([answer.status, errorCodes(answer)], [404, ['BLOB_UPLOAD_UNKNOWN']]);
  });

  test('bytes with another digest are refused and gone', async () => {
    await using rig = await RegistryServerRig.start();
    const wrong = { body: `${content}!` };
    const upload = await rig.beginUpload('acme/app');
    for (const answer of [
      await rig.send('POST', `/v2/acme/app/blobs/uploads/?digest=${digest}`, wrong),
      await rig.send('PUT', `${upload}?digest=${digest}`, wrong),
    ]) {
      assert.deepEqual([answer.status, errorCodes(answer)], [400, ['DIGEST_INVALID']]);
    }
    assert.equal((await rig.send('HEAD', blobPath)).status, 404);
    assert.deepEqual(await readdir(rig.directory.join('uploads')), []);
  });

  test('a PUT without a digest is refused, and the upload stays', async () => {
    await using rig = await RegistryServerRig.start();
    const upload = await rig.beginUpload('acme/app');
    const answer = await rig.send('PUT', upload, { body: content });
    assert.deepEqual([answer.status, errorCodes(answer)], [400, ['DIGEST_INVALID']]);
    await assertStored(rig, await rig.send('PUT', `${upload}?digest=${digest}`, { body: content }));
  });

  test('a mount gives a blob of another repository, or an upload where that has it not', async () => {
    await using rig = await RegistryServerRig.start();
    await rig.pushBlob('acme/base', content);
    const mount = (from: string) => rig.send('POST', `/v2/acme/app/blobs/uploads/?mount=${digest}${from}`);
    for (const from of ['&from=acme/none', '&from=../../etc', '&from=', '']) {
      const answer = await mount(from);
      assert.equal(answer.status, 202, from);
      assert.equal((await rig.send('DELETE', answer.headers.location ?? '')).status, 204);
    }
    assert.equal((await rig.send('HEAD', blobPath)).status, 404);
    await assertStored(rig, await mount('&from=acme/base'));
    await assertStored(rig, await mount('&from=acme%2Fbase'));
  });

  test('a deleted blob is gone from its repository only', async () => {
    await using rig = await RegistryServerRig.start();
    await rig.pushBlob('acme/app', content);
    await rig.pushBlob('acme/other', content);
    assert.equal((await rig.send('DELETE', blobPath)).status, 202);
    assert.equal((await rig.send('HEAD', blobPath)).status, 404);
    assert.equal((await rig.send('GET', `/v2/acme/other/blobs/${digest}`)).text, content);
    const again = await rig.send('DELETE', blobPath);
    assert.deepEqual([again.status, errorCodes(again)], [404, ['BLOB_UNKNOWN']]);
  });
});
