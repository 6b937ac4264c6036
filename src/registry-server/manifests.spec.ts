import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { digestOf } from '../oci/digest';
import { maxManifestBytes, serializeManifest, type ImageIndex } from '../oci/manifest';
import { mediaTypes } from '../oci/media-types';
import { errorCodes, type ExchangeAnswer } from '../testing/http-exchange';
import { RegistryServerRig } from '../testing/registry-server-rig';

const type = mediaTypes.ociManifest;

function put(rig: RegistryServerRig, reference: string, body: string | Uint8Array, contentType: string = type) {
  return rig.send('PUT', `/v2/acme/app/manifests/${reference}`, { headers: { 'content-type': contentType }, body });
}

function refused(answer: ExchangeAnswer): readonly [number, readonly string[]] {
  return [answer.status, errorCodes(answer)];
}

async function isTagged(rig: RegistryServerRig, tag: string): Promise<boolean> {
  return (await rig.send('HEAD', `/v2/acme/app/manifests/${tag}`)).status === 200;
}

describe('manifests in the embedded registry', () => {
  test('a tag moves; what it pointed at stays under its digest', async () => {
    await using rig = await RegistryServerRig.start();
    const first = await rig.pushImage('acme/app', 'a', 'v1');
    const second = await rig.pushImage('acme/app', 'b', 'v1');
    const head = async (reference: string) =>
      (await rig.send('HEAD', `/v2/acme/app/manifests/${reference}`)).headers['docker-content-digest'];
    assert.equal(await head('v1'), second);
    assert.equal(await head(first), first);
  });

  test('the answer to a push names digest and location', async () => {
    await using rig = await RegistryServerRig.start();
    const bytes = serializeManifest(await rig.imageOf('acme/app', 'a'));
    const answer = await put(rig, 'v1', bytes, `${type}; charset=utf-8`);
    assert.equal(answer.status, 201);
    assert.equal(answer.headers['docker-content-digest'], digestOf(bytes));
    assert.equal(answer.headers.location, `/v2/acme/app/manifests/${digestOf(bytes)}`);
  });

  test('a manifest by digest keeps the algorithm that it was pushed with', async () => {
    await using rig = await RegistryServerRig.start();
    const bytes = serializeManifest(await rig.imageOf('acme/app', 'a'));
    const digest = digestOf(bytes, 'sha512');
    assert.equal((await put(rig, digest, bytes)).status, 201);
    const got = await rig.send('GET', `/v2/acme/app/manifests/${digest}`);
    assert.deepEqual([got.status, got.headers['docker-content-digest']], [200, digest]);
    assert.deepEqual(refused(await put(rig, digestOf('other'), bytes)), [400, ['DIGEST_INVALID']]);
  });

  test('a manifest whose layer or config is missing is refused, and no tag is set', async () => {
    await using rig = await RegistryServerRig.start();
    const image = await rig.imageOf('acme/app', 'a');
    const missing = { ...image.config, digest: digestOf('nowhere') };
    const elsewhere = await rig.pushBlob('acme/other', 'in another repository');
    for (const broken of [
      { ...image, layers: [...image.layers, missing] },
      { ...image, config: missing },
      { ...image, layers: [elsewhere] },
    ]) {
      assert.deepEqual(refused(await put(rig, 'v1', serializeManifest(broken))), [400, ['MANIFEST_BLOB_UNKNOWN']]);
    }
    assert.equal(await isTagged(rig, 'v1'), false);
  });

  test('an index needs its manifests', async () => {
    await using rig = await RegistryServerRig.start();
    const child = { mediaType: type, digest: await rig.pushImage('acme/app', 'a'), size: 1 };
    const index: ImageIndex = { kind: 'index', mediaType: mediaTypes.ociIndex, manifests: [child] };
    assert.equal((await put(rig, 'v1', serializeManifest(index), index.mediaType)).status, 201);
    const broken = { ...index, manifests: [child, { ...child, digest: digestOf('nowhere') }] };
    const answer = await put(rig, 'v2', serializeManifest(broken), index.mediaType);
    assert.deepEqual(refused(answer), [400, ['MANIFEST_BLOB_UNKNOWN']]);
  });

  test('the index form of BuildKit’s caches is stored: its children are blobs', async () => {
    await using rig = await RegistryServerRig.start();
    const layer = { ...(await rig.pushBlob('acme/app', 'layer')), mediaType: mediaTypes.ociLayerGzip };
    const config = {
      ...(await rig.pushBlob('acme/app', '{"layers":[],"records":[]}')),
      mediaType: 'application/vnd.buildkit.cacheconfig.v0',
    };
    for (const mediaType of [mediaTypes.ociIndex, mediaTypes.dockerIndex]) {
      const index: ImageIndex = { kind: 'index', mediaType, manifests: [layer, config] };
      const digest = await rig.pushManifest('acme/app', index, 'cache');
      const got = await rig.send('GET', '/v2/acme/app/manifests/cache');
      assert.deepEqual([got.headers['content-type'], digestOf(got.bytes)], [mediaType, digest]);
    }
    const broken: ImageIndex = {
      kind: 'index',
      mediaType: mediaTypes.ociIndex,
      manifests: [{ ...layer, digest: digestOf('nowhere') }, config],
    };
    const answer = await put(rig, 'cache', serializeManifest(broken), broken.mediaType);
    assert.deepEqual(refused(answer), [400, ['MANIFEST_BLOB_UNKNOWN']]);
  });

  test('layers that may not be distributed, and a subject, may be missing', async () => {
    await using rig = await RegistryServerRig.start();
    const image = await rig.imageOf('acme/app', 'a');
    const foreign = { mediaType: mediaTypes.dockerForeignLayerGzip, digest: digestOf('foreign'), size: 7 };
    const subject = { mediaType: type, digest: digestOf('to come'), size: 7 };
    const bytes = serializeManifest({ ...image, layers: [foreign], subject });
    const answer = await put(rig, 'v1', bytes);
    assert.deepEqual([answer.status, answer.headers['oci-subject']], [201, subject.digest]);
  });

  test('what is no manifest is refused', async () => {
    await using rig = await RegistryServerRig.start();
    const image = serializeManifest(await rig.imageOf('acme/app', 'a')).toString();
    const cases: readonly (readonly [body: string, contentType: string])[] = [
      ['', type],
      ['{"schemaVersion":2', type],
      ['{"schemaVersion":1,"name":"x"}', type],
      [image, mediaTypes.ociIndex],
      [image, mediaTypes.dockerManifest],
      [image.replace('"layers"', '"manifests":[],"layers"'), type],
      [image.replace('"layers"', '"layers":[],"layers"'), type],
      [image.replace(/sha256:/, 'sha256:../'), type],
    ];
    for (const [body, contentType] of cases) {
      assert.deepEqual(refused(await put(rig, 'v1', body, contentType)), [400, ['MANIFEST_INVALID']], body);
    }
    assert.equal(await isTagged(rig, 'v1'), false);
  });

  test('a manifest has 4 MiB at most', async () => {
    await using rig = await RegistryServerRig.start();
    const image = await rig.imageOf('acme/app', 'a');
    const frame = serializeManifest({ ...image, annotations: { fill: '' } }).byteLength;
    const fitting = { ...image, annotations: { fill: 'x'.repeat(maxManifestBytes - frame) } };
    const bytes = serializeManifest(fitting);
    assert.equal(bytes.byteLength, maxManifestBytes);
    assert.equal((await put(rig, 'large', bytes)).status, 201);
    assert.deepEqual(refused(await put(rig, 'larger', Buffer.concat([bytes, Buffer.from(' ')]))), [
      413,
      ['SIZE_INVALID'],
    ]);
  });

  test('a deleted tag is gone alone; a deleted manifest takes its tags along', async () => {
    await using rig = await RegistryServerRig.start();
    const image = await rig.imageOf('acme/app', 'a');
    const digest = await rig.pushManifest('acme/app', image, 'v1');
    for (const tag of ['v2', 'v3']) await rig.pushManifest('acme/app', image, tag);
    const other = await rig.pushImage('acme/app', 'b', 'other');
    const remove = async (reference: string) =>
      (await rig.send('DELETE', `/v2/acme/app/manifests/${reference}`)).status;
    assert.equal(await remove('v1'), 202);
    assert.equal(await remove('v1'), 404);
    assert.deepEqual([await isTagged(rig, 'v1'), await isTagged(rig, 'v2')], [false, true]);
    assert.equal(await remove(digest), 202);
    assert.equal(await remove(digest), 404);
    assert.deepEqual([await isTagged(rig, 'v2'), await isTagged(rig, 'v3')], [false, false]);
    assert.deepEqual([await isTagged(rig, 'other'), await isTagged(rig, other)], [true, true]);
  });
});
