import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContentStore } from '../content/contract';
import { digestOf, finishDigest } from '../oci/digest';
import { serializeManifest } from '../oci/manifest';
import { mediaTypes } from '../oci/media-types';
import { RegistryClient } from '../registry/registry-client';
import { sampleBlob, tagsOf } from '../testing/content-store-contract';
import { exchange } from '../testing/http-exchange';
import { RegistryProcess } from '../testing/registry-process';
import { RegistryServerRig } from '../testing/registry-server-rig';
import { TemporaryDirectory } from '../testing/temporary-directory';
import { Transport } from '../transport/transport';

/** Begins a request with a body, sends `part` of it, and breaks the connection. */
async function breakOff(url: string, method: string, path: string, part: Buffer, length: number): Promise<void> {
  const { hostname, port } = new URL(url);
  const request = httpRequest({ hostname, port, method, path, agent: false, headers: { 'content-length': length } });
  request.on('error', () => undefined);
  await new Promise((resolve) => request.write(part, resolve));
  await sleep(50);
  request.destroy();
  await new Promise((resolve) => request.once('close', resolve));
}

/** `probe` until it gives something other than undefined, for ten seconds. */
async function eventually<T>(probe: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const value = await probe();
    if (value !== undefined) return value;
    await sleep(10);
  }
  throw new Error('it did not come about');
}

/** Pushes an image of one layer, the layer new or shared. */
async function pushImage(store: ContentStore, tag: string, content: string | Buffer): Promise<void> {
  const layer = sampleBlob(content);
  const config = sampleBlob(`{"author":"${tag}"}`);
  for (const blob of [layer, config]) await store.put(blob.descriptor, blob.source);
  const mediaType = mediaTypes.ociManifest;
  const manifest = { kind: 'manifest', mediaType, config: config.descriptor, layers: [layer.descriptor] } as const;
  await store.putManifest({ mediaType, bytes: serializeManifest(manifest) }, { tag });
}

/** Checks that each tag leads to a manifest all of whose blobs are whole; the number of tags. */
async function checkTags(store: ContentStore): Promise<number> {
  const tags = await tagsOf(store);
  for (const tag of tags) {
    const found = await store.getManifest(tag);
    assert.ok(found !== undefined, tag);
    const { config, layers } = JSON.parse(found.bytes.toString()) as Record<string, never> & {
      readonly config: Parameters<ContentStore['open']>[0];
      readonly layers: readonly Parameters<ContentStore['open']>[0][];
    };
    for (const blob of [config, ...layers]) await buffer(await store.open(blob));
  }
  return tags.length;
}

function storeAt(url: string, transport: Transport): ContentStore {
  return new RegistryClient({ transport }).repository({ host: new URL(url).host, repository: 'acme/app' });
}

describe('the embedded registry when things break', () => {
  test('an upload that breaks off leaves nothing to be seen, and can be taken up again', async () => {
    await using rig = await RegistryServerRig.start();
    const bytes = randomBytes(200_000);
    const digest = digestOf(bytes);
    const path = await rig.beginUpload('acme/app');
    await breakOff(rig.url, 'PUT', `${path}?digest=${digest}`, bytes.subarray(0, 70_000), bytes.byteLength);
    assert.equal((await rig.send('HEAD', `/v2/acme/app/blobs/${digest}`)).status, 404);
    const { range } = await eventually(async () => {
      const { headers } = await rig.send('GET', path);
      return headers.range === '0-0' ? undefined : headers;
    });
    const next = Number(/^0-(\d+)$/.exec(String(range))?.[1]) + 1;
    assert.ok(next > 0 && next <= 70_000, `${next} bytes arrived`);
    const rest = { body: bytes.subarray(next), headers: { 'content-range': `${next}-${bytes.byteLength - 1}` } };
    assert.equal((await rig.send('PUT', `${path}?digest=${digest}`, rest)).status, 201);
    assert.ok((await rig.send('GET', `/v2/acme/app/blobs/${digest}`)).bytes.equals(bytes));
  });

  test('a whole blob that breaks off leaves no file', async () => {
    await using rig = await RegistryServerRig.start();
    const digest = digestOf('x');
    await breakOff(rig.url, 'POST', `/v2/acme/app/blobs/uploads/?digest=${digest}`, Buffer.alloc(70_000), 200_000);
    const left = async () => ((await readdir(rig.directory.join('uploads'))).length === 0 ? true : undefined);
    await eventually(left);
    assert.equal((await rig.send('HEAD', `/v2/acme/app/blobs/${digest}`)).status, 404);
  });

  test('a manifest that breaks off leaves the tag as it was', async () => {
    await using rig = await RegistryServerRig.start();
    const before = await rig.pushImage('acme/app', 'a', 'v1');
    const bytes = serializeManifest(await rig.imageOf('acme/app', 'b'));
    await breakOff(rig.url, 'PUT', '/v2/acme/app/manifests/v1', bytes.subarray(0, 50), bytes.byteLength);
    const head = await rig.send('HEAD', '/v2/acme/app/manifests/v1');
    assert.equal(head.headers['docker-content-digest'], before);
  });

  test('two processes on one directory take the same and different content at once', async () => {
    await using root = await TemporaryDirectory.create();
    await using one = await RegistryProcess.start(root.path);
    await using two = await RegistryProcess.start(root.path);
    await using transport = new Transport();
    const stores = [storeAt(one.url, transport), storeAt(two.url, transport)];
    const shared = randomBytes(300_000);
    await Promise.all(
      stores.flatMap((store, index) =>
        Array.from({ length: 10 }, async (_, number) => {
          await pushImage(store, `same-${number}`, shared);
          await pushImage(store, `own-${index}-${number}`, Buffer.alloc(50_000, `${index} ${number}`));
        }),
      ),
    );
    for (const store of stores) assert.equal(await checkTags(store), 30);
    assert.deepEqual([await readdir(root.join('uploads')), await readdir(root.join('tmp'))], [[], []]);
  });

  test('an upload begun at one process is finished at another', async () => {
    await using root = await TemporaryDirectory.create();
    await using one = await RegistryProcess.start(root.path);
    await using two = await RegistryProcess.start(root.path);
    const begun = await exchange(one.url, 'POST', '/v2/acme/app/blobs/uploads/');
    const path = begun.headers.location ?? '';
    assert.equal((await exchange(two.url, 'PATCH', path, { body: 'hello ' })).status, 202);
    const done = await exchange(one.url, 'PUT', `${path}?digest=${digestOf('hello world')}`, { body: 'world' });
    assert.equal(done.status, 201);
  });

  test('a process that is killed in the middle leaves the other, and the next one, a whole registry', async () => {
    await using root = await TemporaryDirectory.create();
    await using survivor = await RegistryProcess.start(root.path);
    await using transport = new Transport({ retry: { attempts: 1 } });
    const store = storeAt(survivor.url, transport);
    for (let round = 0; round < 3; round++) {
      await using victim = await RegistryProcess.start(root.path);
      const doomed = storeAt(victim.url, transport);
      const pushes = Array.from({ length: 40 }, (_, number) =>
        pushImage(doomed, `r${round}-${number}`, Buffer.alloc(400_000, `${round} ${number}`)),
      );
      const settled = Promise.allSettled(pushes);
      await Promise.race([Promise.any(pushes), settled]);
      await sleep(round * 7);
      await victim.kill();
      await settled;
      await checkTags(store);
      await pushImage(store, `after-${round}`, Buffer.alloc(400_000, `${round} 39`));
    }
    assert.ok((await tagsOf(store)).includes('after-2'));
    await using successor = await RegistryProcess.start(root.path);
    assert.ok((await checkTags(storeAt(successor.url, transport))) >= 3);
  });
});

const largeBytes = 256 * 1024 * 1024;
const pieceBytes = 256 * 1024;

/** Bytes that nobody holds as a whole. */
function largeBody(): { readonly body: () => Readable; readonly digest: string } {
  const piece = randomBytes(pieceBytes);
  const pieces = function* (): Generator<Buffer> {
    for (let sent = 0; sent < largeBytes; sent += pieceBytes) yield piece;
  };
  const hash = createHash('sha256');
  for (const each of pieces()) hash.update(each);
  return { body: () => Readable.from(pieces(), { objectMode: false }), digest: finishDigest(hash) };
}

/** The largest resident size of a process so far, or undefined where the system does not tell. */
async function peakBytes(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(status)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

test('a large blob goes through the registry without filling its memory', async (t) => {
  await using root = await TemporaryDirectory.create();
  await using server = await RegistryProcess.start(root.path);
  const before = await peakBytes(server.pid);
  if (before === undefined) {
    t.skip('this system does not tell how much memory a process takes');
    return;
  }
  const { body, digest } = largeBody();
  const begun = await exchange(server.url, 'POST', '/v2/acme/app/blobs/uploads/');
  const headers = { 'content-length': largeBytes };
  const put = await exchange(server.url, 'PUT', `${begun.headers.location ?? ''}?digest=${digest}`, {
    body: body(),
    headers,
  });
  assert.equal(put.status, 201, put.text);
  const response = await fetch(`${server.url}/v2/acme/app/blobs/${digest}`);
  let received = 0;
  for await (const chunk of response.body ?? []) received += (chunk as Uint8Array).byteLength;
  assert.equal(received, largeBytes);
  const grown = ((await peakBytes(server.pid)) ?? Infinity) - before;
  assert.ok(grown < largeBytes / 2, `the process grew by ${Math.round(grown / 1024 / 1024)} MiB`);
});
