import assert from 'node:assert/strict';
import { readdir, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { mediaTypes } from '../oci/media-types';
import { RegistryProcess } from '../testing/registry-process';
import { RegistryServerRig } from '../testing/registry-server-rig';
import { garbageGraceMs } from './files';
import { collectGarbage, type GarbageReport } from './garbage';
import { StorageLayout } from './layout';

const nothing: GarbageReport = { links: 0, blobs: 0, bytes: 0 };

class GarbageRig {
  constructor(readonly server: RegistryServerRig) {}

  static async start(): Promise<GarbageRig & AsyncDisposable> {
    const server = await RegistryServerRig.start();
    return Object.assign(new GarbageRig(server), { [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() });
  }

  get layout(): StorageLayout {
    return new StorageLayout(this.server.directory.path);
  }

  /** Makes everything look unused for longer than the grace period. */
  async age(): Promise<void> {
    await ageTree(this.server.directory.path);
  }

  collect(): Promise<GarbageReport> {
    return collectGarbage(this.layout, { now: Date.now() });
  }

  async delete(path: string): Promise<void> {
    assert.equal((await this.server.send('DELETE', `/v2/${path}`)).status, 202);
  }

  async status(path: string, method = 'HEAD'): Promise<number> {
    return (await this.server.send(method, `/v2/${path}`)).status;
  }
}

async function ageTree(directory: string): Promise<void> {
  const time = new Date(Date.now() - garbageGraceMs - 60_000);
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) await utimes(join(entry.parentPath, entry.name), time, time);
  }
}

test('what a deleted manifest listed is freed, once it is old, and all that others list stays', async () => {
  await using rig = await GarbageRig.start();
  const { server } = rig;
  const shared = await server.pushBlob('acme/app', 'shared');
  const images = [];
  for (const name of ['one', 'two']) {
    const image = await server.imageOf('acme/app', name);
    images.push(await server.pushManifest('acme/app', { ...image, layers: [...image.layers, shared] }, name));
  }
  await rig.delete(`acme/app/manifests/${images[0]}`);
  assert.deepEqual(await rig.collect(), nothing, 'all of it was just written');
  await rig.age();
  const { links, blobs, bytes } = await rig.collect();
  // Its own layer and config, and its manifest.
  assert.deepEqual([links, blobs], [2, 3]);
  assert.ok(bytes > 0);
  assert.equal(await rig.status(`acme/app/manifests/two`), 200);
  const { layers, config } = await server.imageOf('acme/app', 'two');
  for (const { digest } of [...layers, config, shared]) assert.equal(await rig.status(`acme/app/blobs/${digest}`), 200);
  assert.deepEqual(await rig.collect(), nothing);
});

test('bytes stay as long as any repository has them, and manifests without a tag stay', async () => {
  await using rig = await GarbageRig.start();
  const { server } = rig;
  const image = await server.pushImage('acme/app', 'one', 'latest');
  const again = await server.pushImage('acme/other/deep', 'one');
  assert.equal(again, image);
  await rig.delete(`acme/app/manifests/${image}`);
  await rig.age();
  assert.deepEqual(await rig.collect(), { links: 2, blobs: 0, bytes: 0 });
  assert.equal(await rig.status(`acme/other/deep/manifests/${image}`), 200);
});

test('what is in an index is kept: manifests, and layers of a cache in that form', async () => {
  await using rig = await GarbageRig.start();
  const { server } = rig;
  const child = await server.pushImage('acme/app', 'one');
  const layer = await server.pushBlob('acme/app', 'layer of a cache');
  const manifests = [{ mediaType: mediaTypes.ociManifest, digest: child, size: 1 }, layer];
  await server.pushManifest('acme/app', { kind: 'index', mediaType: mediaTypes.ociIndex, manifests }, 'latest');
  await rig.age();
  assert.deepEqual(await rig.collect(), nothing);
});

test('a blob that somebody asked for, mounted or sent again is there for the manifest to come', async () => {
  await using rig = await GarbageRig.start();
  const { server } = rig;
  const [asked, mounted, sent, idle] = await Promise.all(
    ['asked', 'mounted', 'sent', 'idle'].map((content) => server.pushBlob('acme/app', content)),
  );
  assert.ok(asked && mounted && sent && idle);
  await rig.age();
  assert.equal(await rig.status(`acme/app/blobs/${asked.digest}`), 200);
  const mount = `acme/new/blobs/uploads/?mount=${mounted.digest}&from=acme/app`;
  assert.equal(await rig.status(mount, 'POST'), 201);
  await server.pushBlob('acme/app', 'sent');
  assert.deepEqual(await rig.collect(), { links: 1, blobs: 1, bytes: idle.size });
  for (const { digest } of [asked, mounted, sent]) assert.equal(await rig.status(`acme/app/blobs/${digest}`), 200);
  assert.equal(await rig.status(`acme/new/blobs/${mounted.digest}`), 200);
  assert.equal(await rig.status(`acme/app/blobs/${idle.digest}`), 404);
});

test('a manifest either finds what it lists and keeps it, or is refused', async () => {
  await using rig = await GarbageRig.start();
  const { server } = rig;
  for (let round = 0; round < 25; round++) {
    const image = await server.imageOf('acme/app', `image ${round}`);
    await rig.age();
    // Several processes look for garbage while a client that asked long ago pushes its manifest.
    const [answer] = await Promise.all([
      server.send('PUT', `/v2/acme/app/manifests/tag-${round}`, {
        headers: { 'content-type': image.mediaType },
        body: Buffer.from(JSON.stringify({ schemaVersion: 2, ...image, kind: undefined })),
      }),
      rig.collect().catch(() => undefined),
      rig.collect().catch(() => undefined),
    ]);
    const present = await Promise.all(
      [image.config, ...image.layers].map(({ digest }) => rig.status(`acme/app/blobs/${digest}`)),
    );
    if (answer.status === 201) assert.deepEqual(present, [200, 200], `round ${round}`);
    else assert.match(answer.text, /MANIFEST_BLOB_UNKNOWN/);
  }
});

test('a repository with a manifest that cannot be read keeps its blobs', async () => {
  await using rig = await GarbageRig.start();
  const { server, layout } = rig;
  const image = await server.pushImage('acme/app', 'one', 'latest');
  await server.pushBlob('acme/app', 'left over');
  await rig.age();
  await rm(layout.blob(image));
  assert.deepEqual(await rig.collect(), nothing);
});

test('a registry looks for garbage when it starts', async () => {
  await using rig = await GarbageRig.start();
  const blob = await rig.server.pushBlob('acme/app', 'left over');
  await rig.age();
  await using other = await RegistryProcess.start(rig.server.directory.path);
  const gone = async (): Promise<boolean> => {
    const files = await readdir(join(rig.layout.blobs, 'sha256'));
    return files.length === 0;
  };
  for (let attempt = 0; attempt < 500 && !(await gone()); attempt++) await sleep(10);
  assert.ok(await gone());
  assert.equal((await fetch(`${other.url}/v2/acme/app/blobs/${blob.digest}`, { method: 'HEAD' })).status, 404);
});
