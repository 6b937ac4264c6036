import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isCodedError, type ErrorCode } from '../diagnostics/coded-error';
import { digestOf, hexOf } from '../oci/digest';
import { maxManifestBytes, serializeManifest } from '../oci/manifest';
import { mediaTypes } from '../oci/media-types';
import { sampleBlob, tagsOf } from '../testing/content-store-contract';
import { FakeRegistry } from '../testing/fake-registry';
import type { RegistryRepository } from './registry-repository';

const fails =
  (code: ErrorCode, pattern = /(?:)/) =>
  (error: unknown) => {
    assert.ok(isCodedError(error, code), String(error));
    assert.match(error.message, pattern);
    return true;
  };

const content = Buffer.alloc(100_000, 'content');
const blob = sampleBlob(content);

async function withBlob() {
  const registry = await FakeRegistry.start();
  const repository = registry.repository();
  await repository.put(blob.descriptor, blob.source);
  return { registry, repository, [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose]() };
}

const read = async (repository: RegistryRepository) => buffer(await repository.open(blob.descriptor));

describe('blobs that are not what they should be', () => {
  test('one changed bit', async () => {
    await using rig = await withBlob();
    const { registry, repository } = rig;
    registry.addFaults({ on: 'GET blob', kind: 'wrong-bytes' });
    await assert.rejects(read(repository), fails('BLOB_CORRUPT', /another digest/));
  });

  for (const [what, body] of [
    ['bytes behind the end', Buffer.concat([content, Buffer.from('!')])],
    ['bytes missing at the end', content.subarray(1)],
    ['another blob', Buffer.alloc(content.byteLength)],
    ['nothing', Buffer.alloc(0)],
  ] as const) {
    test(what, async () => {
      await using rig = await withBlob();
      const { registry, repository } = rig;
      registry.addFaults({ on: 'GET blob', kind: 'status', status: 200, body });
      await assert.rejects(read(repository), fails('BLOB_CORRUPT'));
    });
  }

  test('a body without an end', async () => {
    await using rig = await withBlob();
    const { registry, repository } = rig;
    registry.addFaults({ on: 'GET blob', kind: 'endless', status: 200 });
    await assert.rejects(read(repository), fails('BLOB_CORRUPT', /more than its 100000 bytes/));
  });

  test('a body that says it is compressed, in one layer or several', async () => {
    await using rig = await withBlob();
    const { registry, repository } = rig;
    for (const encoding of ['gzip', 'br', 'gzip, gzip, gzip']) {
      const headers = { 'content-encoding': encoding };
      const body = gzipSync(content);
      registry.addFaults({ on: 'GET blob', kind: 'status', status: 200, headers, body });
      await assert.rejects(read(repository), fails('REGISTRY_PROTOCOL', /Content-Encoding/));
    }
    assert.ok(registry.log.every(({ headers }) => headers['accept-encoding'] === 'identity'));
  });

  test('another range than the one that was asked for', async () => {
    await using rig = await withBlob();
    const { registry, repository } = rig;
    registry.addFaults({ on: 'GET blob', kind: 'headers', headers: { 'content-range': 'bytes 5-9/100000' } });
    const range = { start: 0, end: 5 };
    await assert.rejects(repository.open(blob.descriptor, { range }), fails('REGISTRY_PROTOCOL', /another range/));
  });

  test('what was refused is sent again, although the registry claims to have it', async () => {
    await using rig = await withBlob();
    const { registry, repository } = rig;
    registry.addFaults({ on: 'GET blob', kind: 'wrong-bytes' });
    await assert.rejects(read(repository), fails('BLOB_CORRUPT'));
    assert.equal(await repository.has(blob.descriptor), true);
    assert.equal(await repository.put(blob.descriptor, blob.source), 'written');
    assert.equal(await repository.put(blob.descriptor, blob.source), 'already-present');
  });
});

describe('a registry that claims to have what it has not', () => {
  test('a blob that it cannot give is missing, and the next put repairs it', async () => {
    await using rig = await withBlob();
    const { registry, repository } = rig;
    await rm(join(registry.root, 'blobs', 'sha256', hexOf(blob.descriptor.digest)));
    await assert.rejects(read(repository), fails('BLOB_MISSING'));
    const headers = { 'content-length': String(blob.descriptor.size) };
    registry.addFaults({ on: 'HEAD blob', kind: 'status', status: 200, headers, times: 9 });
    assert.equal(await repository.has(blob.descriptor), true, 'the lie');
    assert.equal(await repository.put(blob.descriptor, blob.source), 'written');
    assert.ok((await read(repository)).equals(content));
  });

  test('a blob is asked for its first byte where a HEAD is not enough', async () => {
    await using rig = await withBlob();
    const { registry, repository } = rig;
    assert.equal(await repository.canRead(blob.descriptor), true);
    registry.addFaults({ on: 'GET blob', kind: 'status', status: 200, body: content });
    assert.equal(await repository.canRead(blob.descriptor), true, 'also without ranges');
    await rm(join(registry.root, 'blobs', 'sha256', hexOf(blob.descriptor.digest)));
    const headers = { 'content-length': String(blob.descriptor.size) };
    registry.addFaults({ on: 'HEAD blob', kind: 'status', status: 200, headers });
    assert.equal(await repository.has(blob.descriptor), true);
    assert.equal(await repository.canRead(blob.descriptor), false);
    assert.ok(
      registry.log.filter(({ kind }) => kind === 'GET blob').every(({ headers: sent }) => sent.range === 'bytes=0-0'),
    );
  });

  test('a HEAD that names another size is not believed', async () => {
    await using rig = await withBlob();
    const { registry, repository } = rig;
    registry.addFaults({ on: 'HEAD blob', kind: 'status', status: 200, headers: { 'content-length': '7' } });
    assert.equal(await repository.has(blob.descriptor), false);
  });

  test('blobs that it lacks are sent after all when it refuses their manifest', async () => {
    await using registry = await FakeRegistry.start();
    const repository = registry.repository();
    const headers = { 'content-length': String(blob.descriptor.size) };
    registry.addFaults({ on: 'HEAD blob', kind: 'status', status: 200, headers, times: 9 });
    assert.equal(await repository.put(blob.descriptor, blob.source), 'already-present');
    const mediaType = mediaTypes.ociManifest;
    const config = { ...blob.descriptor, mediaType: mediaTypes.ociConfig };
    const manifest = (content: string) => ({
      mediaType,
      bytes: serializeManifest({
        kind: 'manifest',
        mediaType,
        config,
        layers: [content === '' ? blob.descriptor : sampleBlob(content).descriptor],
      }),
    });
    await repository.putManifest(manifest(''), { tag: 'v1' });
    assert.ok((await read(repository)).equals(content));
    assert.deepEqual(
      [registry.count()['HEAD blob'], registry.count()['PUT blob'], registry.count()['PUT manifest']],
      [1, 1, 2],
    );
    // What nobody put here cannot be sent: then the refusal stands.
    const put = repository.putManifest(manifest('never put'), { tag: 'v2' });
    await assert.rejects(put, fails('REGISTRY_RESPONSE', /MANIFEST_BLOB_UNKNOWN/));
  });
});

describe('manifests that are not what they should be', () => {
  const mediaType = mediaTypes.ociManifest;
  const config = { ...blob.descriptor, mediaType: mediaTypes.ociConfig };
  const bytes = serializeManifest({ kind: 'manifest', mediaType, config, layers: [blob.descriptor] });
  const digest = digestOf(bytes);

  const answers: readonly (readonly [
    what: string,
    reference: string,
    code: ErrorCode,
    body: string,
    headers: object,
  ])[] = [
    ['other bytes than asked for', digest, 'BLOB_CORRUPT', bytes.toString().replace('"size":', '"size": '), {}],
    [
      'the digest of another one',
      digest,
      'REGISTRY_PROTOCOL',
      bytes.toString(),
      { 'docker-content-digest': digestOf('') },
    ],
    ['other bytes than it names', 'v1', 'BLOB_CORRUPT', bytes.toString(), { 'docker-content-digest': digestOf('') }],
    ['another type than served', 'v1', 'MANIFEST_INVALID', bytes.toString(), { 'content-type': mediaTypes.ociIndex }],
    [
      'manifest and index at once',
      'v1',
      'MANIFEST_INVALID',
      bytes.toString().replace('"layers"', '"manifests":[],"layers"'),
      {},
    ],
    ['a key twice', 'v1', 'MANIFEST_INVALID', bytes.toString().replace('"layers"', '"layers":[],"layers"'), {}],
    ['compressed', 'v1', 'MANIFEST_INVALID', gzipSync(bytes).toString('latin1'), { 'content-encoding': 'gzip' }],
    ['a path for a digest', 'v1', 'MANIFEST_INVALID', bytes.toString().replace(/sha256:/, 'sha256:../../'), {}],
    ['a page of a proxy', 'v1', 'MANIFEST_INVALID', '<html>sign in</html>', { 'content-type': 'text/html' }],
  ];
  for (const [what, reference, code, body, headers] of answers) {
    test(what, async () => {
      await using registry = await FakeRegistry.start();
      const given = { 'content-type': mediaType, ...headers };
      registry.addFaults({ on: 'GET manifest', kind: 'status', status: 200, body, headers: given });
      await assert.rejects(registry.repository().getManifest(reference), fails(code));
    });
  }

  test('a name that is neither tag nor digest reaches no registry', async () => {
    await using registry = await FakeRegistry.start();
    const repository = registry.repository();
    for (const name of ['../../other/manifests/v1', '..', '', 'a/b', 'v1?x', 'sha256:../x', 'sha256:ABC', '%2e%2e']) {
      for (const call of [
        () => repository.resolve(name),
        () => repository.getManifest(name),
        () => repository.deleteManifest(name),
        () => repository.putManifest({ mediaType, bytes }, { tag: name }),
      ]) {
        await assert.rejects(call, RangeError);
      }
    }
    assert.deepEqual(registry.log, []);
  });

  test('a type that changes between HEAD and GET', async () => {
    await using rig = await withBlob();
    const { registry, repository } = rig;
    await repository.putManifest({ mediaType, bytes }, { tag: 'v1' });
    registry.addFaults({
      on: 'HEAD manifest',
      kind: 'headers',
      headers: { 'content-type': mediaTypes.dockerManifest },
    });
    const resolved = await repository.resolve('v1');
    assert.equal(resolved?.mediaType, mediaTypes.dockerManifest);
    const got = await repository.getManifest(resolved.digest);
    assert.equal(got?.descriptor.mediaType, mediaType, 'the manifest’s own word counts');
  });

  test('a web page in place of a manifest is told as one, with its address', async () => {
    await using registry = await FakeRegistry.start();
    const headers = { 'content-type': 'text/html; charset=utf-8' };
    registry.addFaults({ on: 'GET manifest', kind: 'status', status: 200, headers, body: '<html>log in</html>' });
    await assert.rejects(
      registry.repository('acme/app').getManifest('v1'),
      (error) =>
        isCodedError(error, 'MANIFEST_INVALID') &&
        error.message.includes(`GET http://${registry.host}/v2/acme/app/manifests/v1`) &&
        String(error.hint).includes('a web page came'),
    );
    assert.equal(registry.log.length, 1);
  });

  test('a manifest that the registry rewrites is an error at once', async () => {
    await using rig = await withBlob();
    const { registry, repository } = rig;
    const headers = { 'docker-content-digest': digestOf('rewritten') };
    registry.addFaults({ on: 'PUT manifest', kind: 'headers', headers });
    const put = repository.putManifest({ mediaType, bytes }, { tag: 'v1' });
    await assert.rejects(put, fails('REGISTRY_PROTOCOL', /stored the manifest as/));
  });
});

describe('bodies without an end are cut', () => {
  const endless = { kind: 'endless' } as const;

  test('manifests, lists and referrers, at 4 MiB', async () => {
    await using registry = await FakeRegistry.start();
    const repository = registry.repository();
    registry.addFaults(
      { on: 'GET manifest', ...endless, status: 200 },
      { on: 'GET tags', ...endless, status: 200 },
      { on: 'GET referrers', ...endless, status: 200 },
    );
    const tooLarge = fails('REGISTRY_PROTOCOL', new RegExp(`larger than ${maxManifestBytes} bytes`));
    await assert.rejects(repository.getManifest('v1'), tooLarge);
    await assert.rejects(tagsOf(repository), tooLarge);
    await assert.rejects(repository.referrers(digestOf('x')), tooLarge);
  });

  test('refusals, at 64 KiB', async () => {
    await using registry = await FakeRegistry.start();
    const repository = registry.repository();
    for (const [status, code] of [
      [401, 'REGISTRY_UNAUTHORIZED'],
      [403, 'REGISTRY_UNAUTHORIZED'],
      [400, 'REGISTRY_RESPONSE'],
    ] as const) {
      registry.addFaults({ on: 'GET manifest', ...endless, status });
      await assert.rejects(repository.getManifest('v1'), (error) => {
        assert.ok(isCodedError(error, code));
        assert.ok(error.message.length < 1000);
        return true;
      });
    }
  });

  test('tokens, at 64 KiB', async () => {
    for (const status of [200, 403]) {
      await using registry = await FakeRegistry.start({
        auth: 'bearer',
        faults: [{ on: 'token', ...endless, status }],
      });
      await assert.rejects(registry.repository().resolve('v1'), (error) =>
        isCodedError(error, 'REGISTRY_PROTOCOL', 'REGISTRY_UNAUTHORIZED'),
      );
    }
  });

  test('an answer to HEAD, DELETE or PUT that nobody needs', async () => {
    await using registry = await FakeRegistry.start();
    registry.addFaults({ on: 'DELETE manifest', ...endless, status: 202 });
    assert.equal(await registry.repository().deleteManifest('v1'), true);
  });
});
