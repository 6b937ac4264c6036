import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStore } from '../content/memory-store';
import { digestOf } from '../oci/digest';
import { isTag } from '../oci/reference';
import { keyOf } from './field-hash';
import { HmacSignatures, signedTag } from './hmac-signatures';
import { imageTag, scopeTag } from './stage-tags';

const mediaType = 'application/vnd.oci.image.manifest.v1+json';
const bytes = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType,
    config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2 },
    layers: [],
  }),
);
const secrets = ['the first of the secrets', 'the second of the secrets'] as const;

test('a signature is good for one tag, one manifest and who knows the secret', async () => {
  const store = new MemoryStore();
  const { digest } = await store.putManifest({ mediaType, bytes }, { tag: 'app-1' });
  const [first, second] = secrets;
  assert.equal(await new HmacSignatures([first]).sign(store, 'app-1', digest, {}), true);
  assert.equal(await new HmacSignatures([first]).accepts(store, 'app-1', digest, {}), true);
  assert.equal(await new HmacSignatures([second, first]).accepts(store, 'app-1', digest, {}), true);
  assert.equal(await new HmacSignatures([second]).accepts(store, 'app-1', digest, {}), false);
  assert.equal(await new HmacSignatures([first]).accepts(store, 'app-2', digest, {}), false);
  assert.equal(await new HmacSignatures([first]).accepts(store, 'app-1', digestOf('other'), {}), false);
});

test('what a store does not have is not signed', async () => {
  const signatures = new HmacSignatures(secrets);
  assert.equal(await signatures.sign(new MemoryStore(), 'app-1', digestOf(bytes), {}), false);
});

test('the longest tags can be signed, and it can be told which tag a signature is for', async () => {
  for (const tag of [imageTag('s'.repeat(300), keyOf('test', {})), scopeTag(['b'.repeat(200), 'p'.repeat(200)])]) {
    const store = new MemoryStore();
    const { digest } = await store.putManifest({ mediaType, bytes }, { tag });
    await new HmacSignatures(secrets).sign(store, tag, digest, {});
    const signed: string[] = [];
    for await (const each of store.tags()) if (each !== tag) signed.push(each);
    assert.deepEqual(
      signed.map((each) => [isTag(each), signedTag(each)]),
      [[true, tag]],
    );
    assert.equal(signedTag(tag), undefined);
  }
});
