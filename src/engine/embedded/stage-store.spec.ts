import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStore } from '../../content/memory-store';
import { digestOf } from '../../oci/digest';
import { stageStore } from './stage-store';

const mediaType = 'application/vnd.oci.image.manifest.v1+json';

function manifest(name: string): { readonly mediaType: string; readonly bytes: Buffer } {
  const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2 };
  const annotations = { name };
  return {
    mediaType,
    bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [], annotations })),
  };
}

test('a tag that someone else wrote first stays, and what they wrote is not told as ours', async () => {
  const store = new MemoryStore();
  const theirs = await store.putManifest(manifest('theirs'), { tag: 'app-1' });
  const ours = manifest('ours');
  const told = await stageStore(store, { uploads: new Map(), onceTag: 'app-1' }).putManifest(ours, { tag: 'app-1' });
  assert.equal(told.digest, digestOf(ours.bytes));
  assert.equal((await store.resolve('app-1'))?.digest, theirs.digest);
});
