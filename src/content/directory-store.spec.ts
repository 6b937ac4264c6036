import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isCodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import { digestOf, hexOf } from '../oci/digest';
import { childrenOf, parseManifest } from '../oci/manifest';
import { describeContentStore, sampleBlob, tagsOf } from '../testing/content-store-contract';
import { TemporaryDirectory } from '../testing/temporary-directory';
import { DirectoryStore } from './directory-store';

const pathOf = (directory: string, { digest }: Descriptor): string => join(directory, 'blobs/sha256', hexOf(digest));

async function flipFirstByte(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes.writeUInt8(bytes.readUInt8(0) ^ 1, 0);
  await writeFile(path, bytes);
}

describeContentStore('DirectoryStore', async () => {
  const directory = await TemporaryDirectory.create();
  return {
    store: new DirectoryStore(directory.join('layout')),
    corrupt: (descriptor) => flipFirstByte(pathOf(directory.join('layout'), descriptor)),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
});

test('a damaged blob is removed when it is read, so that the next put repairs it', async () => {
  await using directory = await TemporaryDirectory.create();
  const store = new DirectoryStore(directory.path);
  const { descriptor, source } = sampleBlob('precious');
  await store.put(descriptor, source);
  await flipFirstByte(pathOf(directory.path, descriptor));
  await assert.rejects(buffer(await store.open(descriptor)), (error) => isCodedError(error, 'BLOB_CORRUPT'));
  await sleep(20);
  assert.equal(await store.put(descriptor, source), 'written');
  assert.equal(await text(await store.open(descriptor)), 'precious');
});

test('a damaged manifest is refused', async () => {
  await using directory = await TemporaryDirectory.create();
  const store = new DirectoryStore(directory.path);
  const bytes = Buffer.from('{"schemaVersion":2,"manifests":[]}');
  const descriptor = await store.putManifest(
    { mediaType: 'application/vnd.oci.image.index.v1+json', bytes },
    { tag: 'a' },
  );
  await flipFirstByte(pathOf(directory.path, descriptor));
  await assert.rejects(store.getManifest('a'), (error) => isCodedError(error, 'BLOB_CORRUPT'));
});

test('sha512 blobs have a directory of their own', async () => {
  await using directory = await TemporaryDirectory.create();
  const store = new DirectoryStore(directory.path);
  const { descriptor, source } = sampleBlob('wide');
  const wide = { ...descriptor, digest: digestOf('wide', 'sha512') };
  await store.put(wide, source);
  assert.deepEqual(await readdir(directory.join('blobs')), ['sha512']);
  assert.equal(await text(await store.open(wide)), 'wide');
});

test('a directory that is no layout is said to be none', async () => {
  await using directory = await TemporaryDirectory.create();
  const store = new DirectoryStore(directory.path);
  for (const [name, content] of [
    ['index.json', '{"schemaVersion":2,"layers":[]}'],
    ['oci-layout', '{"imageLayoutVersion":"9"}'],
  ] as const) {
    await writeFile(directory.join(name), content);
    await assert.rejects(store.resolve('a'), (error) => isCodedError(error, 'LAYOUT_INVALID'), name);
  }
});

test('an image that buildx wrote is found by its tag and by its full name', async () => {
  await using directory = await TemporaryDirectory.create();
  const store = new DirectoryStore(directory.path);
  const bytes = Buffer.from('{"schemaVersion":2,"manifests":[]}');
  const descriptor = await store.putManifest({ mediaType: 'application/vnd.oci.image.index.v1+json', bytes });
  const annotations = {
    'io.containerd.image.name': 'docker.io/acme/app:1',
    'org.opencontainers.image.created': '2026-01-01T00:00:00Z',
    'org.opencontainers.image.ref.name': '1',
  };
  const index = { schemaVersion: 2, mediaType: descriptor.mediaType, manifests: [{ ...descriptor, annotations }] };
  await writeFile(directory.join('index.json'), JSON.stringify(index));
  assert.deepEqual(await store.resolve('1'), descriptor);
  assert.deepEqual(await store.resolve('docker.io/acme/app:1'), descriptor);
});

test("the locks and rubbish of dead processes are in nobody's way", async () => {
  await using directory = await TemporaryDirectory.create();
  const old = new Date(Date.now() - 2 * 60 * 60 * 1000);
  await mkdir(directory.join('ingest'));
  for (const name of ['index.json.lock', 'index.json.lock.guard', 'ingest/half']) {
    await writeFile(directory.join(name), '');
    await utimes(directory.join(name), old, old);
  }
  const store = new DirectoryStore(directory.path);
  const bytes = Buffer.from('{"schemaVersion":2,"manifests":[]}');
  await store.putManifest({ mediaType: 'application/vnd.oci.image.index.v1+json', bytes }, { tag: 'a' });
  assert.deepEqual((await readdir(directory.path)).sort(), ['blobs', 'index.json', 'ingest', 'oci-layout']);
  assert.deepEqual(await readdir(directory.join('ingest')), []);
});

const writerScript = join(__dirname, '../testing/store-writer-process.js');

test('several processes put into one directory and lose nothing', async () => {
  await using directory = await TemporaryDirectory.create();
  const counts = { a: 8, b: 8, c: 8 };
  await Promise.all(
    Object.entries(counts).map(async ([prefix, count]) => {
      const child = spawn(process.execPath, [writerScript, directory.path, prefix, String(count)], { stdio: 'ignore' });
      assert.deepEqual(await once(child, 'exit'), [0, null]);
    }),
  );
  const tags = await tagsOf(new DirectoryStore(directory.path));
  assert.equal(tags.length, 24);
  assert.deepEqual(await readdir(directory.join('ingest')), []);
});

test('a process that is killed leaves nothing half, and the next one works at once', async () => {
  await using directory = await TemporaryDirectory.create();
  const store = new DirectoryStore(directory.path);
  const seen = new Set<string>();
  for (let round = 0; round < 4; round++) {
    const child = spawn(process.execPath, [writerScript, directory.path, `r${round}`, '100000'], { stdio: 'pipe' });
    child.stdout.on('data', (data: Buffer) =>
      data
        .toString()
        .split('\n')
        .slice(0, -1)
        .forEach((tag) => seen.add(tag)),
    );
    await once(child.stdout, 'data');
    await sleep(20 + 13 * round);
    child.kill('SIGKILL');
    await once(child, 'close');
  }
  const { descriptor, source } = sampleBlob('after');
  const startedAt = Date.now();
  await store.put(descriptor, source);
  await store.putManifest(
    { mediaType: 'application/vnd.oci.image.index.v1+json', bytes: Buffer.from('{"schemaVersion":2,"manifests":[]}') },
    { tag: 'after' },
  );
  assert.ok(Date.now() - startedAt < 5_000, 'the lock of a dead process is taken over without waiting for its age');

  const tags = await tagsOf(store);
  assert.deepEqual(
    [...seen].filter((tag) => !tags.includes(tag)),
    [],
  );
  for (const tag of tags) {
    const manifest = await store.getManifest(tag);
    assert.ok(manifest !== undefined);
    for (const child of childrenOf(parseManifest(manifest.bytes))) await (await store.open(child)).resume().toArray();
  }
});

const golden = join(process.cwd(), '../shared/golden/caches');

test('the caches that BuildKit wrote are read, every blob of them', async (t) => {
  await using directory = await TemporaryDirectory.create();
  try {
    await cp(golden, directory.join('caches'), { recursive: true });
  } catch {
    t.skip('the recorded caches are not beside the repository');
    return;
  }
  const store = new DirectoryStore(directory.join('caches'));
  const tags = await tagsOf(store);
  assert.equal(tags.length, 9);
  for (const tag of tags) {
    const stored = await store.getManifest(tag);
    assert.ok(stored !== undefined);
    for (const child of childrenOf(parseManifest(stored.bytes, stored.descriptor.mediaType))) {
      assert.equal((await buffer(await store.open(child))).byteLength, child.size);
    }
  }
});
