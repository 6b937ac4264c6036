import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import type { BlobSource, ContentStore } from '../content/contract';
import { isCodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import { digestOf } from '../oci/digest';
import { serializeManifest } from '../oci/manifest';
import { mediaTypes } from '../oci/media-types';

/** An empty store for one test, with what the test may do behind its back. */
export interface ContentStoreRig extends AsyncDisposable {
  readonly store: ContentStore;
  /** Damages a stored blob without changing its size. Absent where that cannot be done. */
  readonly corrupt?: (descriptor: Descriptor) => Promise<void>;
  /** False where only manifests can be deleted, by digest, as in Docker's registry before version 3. Default true. */
  readonly deletesTags?: boolean;
}

/** Bytes with the descriptor that fits them. */
export function sampleBlob(bytes: Uint8Array | string): {
  readonly descriptor: Descriptor;
  readonly source: BlobSource;
} {
  const content = Buffer.from(bytes);
  const descriptor = { mediaType: mediaTypes.ociLayer, digest: digestOf(content), size: content.byteLength };
  return { descriptor, source: () => Promise.resolve(Readable.from([content], { objectMode: false })) };
}

/** Registers the cases that every content store has to pass. `start` gives each of them an empty store. */
export function describeContentStore(name: string, start: () => Promise<ContentStoreRig>): void {
  describe(`${name} as a content store`, () => {
    blobCases(start);
    refusalCases(start);
    manifestCases(start);
    deletionCases(start);
  });
}

type Start = () => Promise<ContentStoreRig>;

const never: BlobSource = () => Promise.reject(new Error('the source was opened without need'));

function blobCases(start: Start): void {
  for (const size of [0, 1, 65_536, 3_000_001]) {
    test(`a blob of ${size} bytes comes back as it went in`, async () => {
      await using rig = await start();
      const bytes = randomBytes(size);
      const { descriptor, source } = sampleBlob(bytes);
      let counted = 0;
      const onBytes = (count: number): void => void (counted += count);
      assert.equal(await rig.store.has(descriptor), false);
      assert.equal(await rig.store.put(descriptor, source, { onBytes }), 'written');
      assert.equal(counted, size);
      assert.equal(await rig.store.has(descriptor), true);
      assert.ok((await buffer(await rig.store.open(descriptor))).equals(bytes));
    });
  }

  test('a blob that is there is not asked for again', async () => {
    await using rig = await start();
    const { descriptor, source } = sampleBlob('once');
    await rig.store.put(descriptor, source);
    assert.equal(await rig.store.put(descriptor, never), 'already-present');
  });

  test('parallel writers of one blob all succeed', async () => {
    await using rig = await start();
    const { descriptor, source } = sampleBlob(randomBytes(100_000));
    await Promise.all(Array.from({ length: 5 }, () => rig.store.put(descriptor, source)));
    assert.equal((await buffer(await rig.store.open(descriptor))).byteLength, descriptor.size);
  });

  test('a range gives its bytes, start included and end excluded', async () => {
    await using rig = await start();
    const { descriptor, source } = sampleBlob('0123456789');
    await rig.store.put(descriptor, source);
    const read = async (range: { readonly start: number; readonly end?: number }) =>
      (await buffer(await rig.store.open(descriptor, { range }))).toString();
    assert.equal(await read({ start: 2, end: 5 }), '234');
    assert.equal(await read({ start: 7 }), '789');
    assert.equal(await read({ start: 0, end: 10 }), '0123456789');
  });

  test('a reader may leave early', async () => {
    await using rig = await start();
    const { descriptor, source } = sampleBlob(randomBytes(1_000_000));
    await rig.store.put(descriptor, source);
    for await (const chunk of await rig.store.open(descriptor)) {
      assert.ok((chunk as Buffer).byteLength > 0);
      break;
    }
    assert.equal(await rig.store.has(descriptor), true);
  });
}

function refusalCases(start: Start): void {
  test('a blob that is not there is BLOB_MISSING', async () => {
    await using rig = await start();
    const { descriptor } = sampleBlob('nowhere');
    await assert.rejects(rig.store.open(descriptor), (error) => isCodedError(error, 'BLOB_MISSING'));
  });

  const wrong: readonly (readonly [name: string, given: string])[] = [
    ['other bytes', 'EXPECTED'],
    ['surplus bytes', 'expected!'],
    ['missing bytes', 'expect'],
    ['no bytes', ''],
  ];
  for (const [what, given] of wrong) {
    test(`a source with ${what} leaves nothing behind`, async () => {
      await using rig = await start();
      const { descriptor } = sampleBlob('expected');
      await assert.rejects(rig.store.put(descriptor, sampleBlob(given).source), (error) =>
        isCodedError(error, 'BLOB_CORRUPT'),
      );
      assert.equal(await rig.store.has(descriptor), false);
    });
  }

  test('a source that breaks leaves nothing behind, and its own error comes out', async () => {
    await using rig = await start();
    const { descriptor, source } = sampleBlob('expected');
    const broken = new Error('the source broke');
    const breaking = async function* (): AsyncGenerator<Buffer> {
      yield await Promise.resolve(Buffer.from('exp'));
      throw broken;
    };
    await assert.rejects(
      rig.store.put(descriptor, () => Promise.resolve(Readable.from(breaking()))),
      (error) => error === broken,
    );
    await assert.rejects(
      rig.store.put(descriptor, () => Promise.reject(broken)),
      (error) => error === broken,
    );
    assert.equal(await rig.store.has(descriptor), false);
    assert.equal(await rig.store.put(descriptor, source), 'written');
  });

  test('an abort in the middle leaves nothing behind and rejects with its reason', async () => {
    await using rig = await start();
    const { descriptor } = sampleBlob('expected');
    const abort = new AbortController();
    const reason = new Error('enough');
    const stalling = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('exp');
      await new Promise((resolve) => setTimeout(resolve, 10));
      abort.abort(reason);
      await new Promise((resolve) => setTimeout(resolve, 60_000).unref());
    };
    const put = rig.store.put(descriptor, () => Promise.resolve(Readable.from(stalling())), { signal: abort.signal });
    await assert.rejects(put, (error) => error === reason);
    assert.equal(await rig.store.has(descriptor), false);
  });

  test('nothing starts after an abort', async () => {
    await using rig = await start();
    const { descriptor } = sampleBlob('x');
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    const isReason = (error: unknown): boolean => error === reason;
    await assert.rejects(rig.store.put(descriptor, never, { signal }), isReason);
    await assert.rejects(rig.store.has(descriptor, { signal }), isReason);
    await assert.rejects(rig.store.open(descriptor, { signal }), isReason);
    await assert.rejects(rig.store.getManifest('t', { signal }), isReason);
    await assert.rejects(rig.store.deleteManifest('t', { signal }), isReason);
    await assert.rejects(rig.store.deleteBlob(descriptor, { signal }), isReason);
  });

  test('a damaged blob fails before its end', async (t) => {
    await using rig = await start();
    if (rig.corrupt === undefined) {
      t.skip('this store gives no way to damage a blob');
      return;
    }
    const { descriptor, source } = sampleBlob(randomBytes(200_000));
    await rig.store.put(descriptor, source);
    await rig.corrupt(descriptor);
    const stream = await rig.store.open(descriptor);
    await assert.rejects(buffer(stream), (error) => isCodedError(error, 'BLOB_CORRUPT'));
  });
}

/** An image of one layer whose blobs are already in the store, as registries demand before they take a manifest. */
async function putImage(
  store: ContentStore,
  content: string,
  tag?: string,
): Promise<{ bytes: Buffer; descriptor: Descriptor }> {
  const layer = sampleBlob(`layer ${content}`);
  const config = sampleBlob(
    `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]},"author":"${content}"}`,
  );
  for (const blob of [layer, config]) await store.put(blob.descriptor, blob.source);
  const mediaType = mediaTypes.ociManifest;
  const bytes = serializeManifest({
    kind: 'manifest',
    mediaType,
    config: { ...config.descriptor, mediaType: mediaTypes.ociConfig },
    layers: [layer.descriptor],
  });
  const descriptor = await store.putManifest({ mediaType, bytes }, tag === undefined ? {} : { tag });
  return { bytes, descriptor };
}

/** The tags of a store, sorted. */
export async function tagsOf(store: ContentStore): Promise<readonly string[]> {
  const tags: string[] = [];
  for await (const tag of store.tags()) tags.push(tag);
  return tags.sort();
}

function manifestCases(start: Start): void {
  test('a manifest is found by tag and by digest, bytes and type as they were', async () => {
    await using rig = await start();
    const { bytes, descriptor } = await putImage(rig.store, 'a', 'v1');
    assert.deepEqual(descriptor, {
      mediaType: mediaTypes.ociManifest,
      digest: digestOf(bytes),
      size: bytes.byteLength,
    });
    for (const reference of ['v1', descriptor.digest]) {
      assert.deepEqual(await rig.store.resolve(reference), descriptor);
      assert.deepEqual(await rig.store.getManifest(reference), { descriptor, bytes });
    }
  });

  test('a manifest without a tag is found by digest', async () => {
    await using rig = await start();
    const { descriptor } = await putImage(rig.store, 'a');
    assert.deepEqual(await rig.store.resolve(descriptor.digest), descriptor);
    assert.deepEqual(await tagsOf(rig.store), []);
  });

  test('what is not there is undefined', async () => {
    await using rig = await start();
    assert.equal(await rig.store.resolve('nothing'), undefined);
    assert.equal(await rig.store.getManifest('nothing'), undefined);
    assert.equal(await rig.store.resolve(digestOf('nothing')), undefined);
  });

  test('a tag moves to the manifest that was put last', async () => {
    await using rig = await start();
    const first = await putImage(rig.store, 'a', 'v1');
    const second = await putImage(rig.store, 'b', 'v1');
    assert.deepEqual(await rig.store.resolve('v1'), second.descriptor);
    assert.deepEqual(await rig.store.resolve(first.descriptor.digest), first.descriptor);
    assert.deepEqual(await tagsOf(rig.store), ['v1']);
  });

  test('parallel writers of different tags lose none', async () => {
    await using rig = await start();
    const names = Array.from({ length: 12 }, (_, index) => `tag-${index}`);
    await Promise.all(names.map((name) => putImage(rig.store, name, name)));
    assert.deepEqual(await tagsOf(rig.store), [...names].sort());
  });
}

function deletionCases(start: Start): void {
  test('a deleted manifest is gone by digest and by tag', async () => {
    await using rig = await start();
    const { descriptor } = await putImage(rig.store, 'a', 'v1');
    assert.equal(await rig.store.deleteManifest(descriptor.digest), true);
    assert.equal(await rig.store.resolve(descriptor.digest), undefined);
    assert.equal(await rig.store.resolve('v1'), undefined);
    assert.equal(await rig.store.deleteManifest(descriptor.digest), false);
  });

  test('a deleted tag is gone, another one stays', async (t) => {
    await using rig = await start();
    if (rig.deletesTags === false) {
      t.skip('this store does not delete tags');
      return;
    }
    await putImage(rig.store, 'a', 'v1');
    const other = await putImage(rig.store, 'b', 'v2');
    assert.equal(await rig.store.deleteManifest('v1'), true);
    assert.equal(await rig.store.resolve('v1'), undefined);
    assert.deepEqual(await rig.store.resolve('v2'), other.descriptor);
    assert.equal(await rig.store.deleteManifest('v1'), false);
  });

  test('a deleted blob is gone and can be put again', async () => {
    await using rig = await start();
    const { descriptor, source } = sampleBlob('short-lived');
    await rig.store.put(descriptor, source);
    assert.equal(await rig.store.deleteBlob(descriptor), true);
    assert.equal(await rig.store.has(descriptor), false);
    assert.equal(await rig.store.deleteBlob(descriptor), false);
    assert.equal(await rig.store.put(descriptor, source), 'written');
  });
}
