import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { DirectoryStore } from '../../src/content/directory-store';
import { digestOf } from '../../src/oci/digest';
import { serializeManifest } from '../../src/oci/manifest';
import { mediaTypes } from '../../src/oci/media-types';
import { startRegistryServer } from '../../src/registry-server/server';
import { sampleBlob } from '../../src/testing/content-store-contract';
import { TemporaryDirectory } from '../../src/testing/temporary-directory';

const skip = spawnSync('skopeo', ['--version']).error === undefined ? false : 'skopeo is not installed';

/** Puts an image of three layers into an OCI layout; its digest. */
async function makeImage(directory: string): Promise<string> {
  const store = new DirectoryStore(directory);
  const tars = Array.from({ length: 3 }, () => Buffer.concat([randomBytes(300_000), Buffer.alloc(1024)]));
  const layers = tars.map((tar) => {
    const blob = sampleBlob(gzipSync(tar));
    return { ...blob, descriptor: { ...blob.descriptor, mediaType: mediaTypes.ociLayerGzip } };
  });
  const rootfs = { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) };
  const config = sampleBlob(JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs }));
  for (const { descriptor, source } of [...layers, config]) await store.put(descriptor, source);
  const mediaType = mediaTypes.ociManifest;
  const bytes = serializeManifest({
    kind: 'manifest',
    mediaType,
    config: { ...config.descriptor, mediaType: mediaTypes.ociConfig },
    layers: layers.map(({ descriptor }) => descriptor),
  });
  return (await store.putManifest({ mediaType, bytes }, { tag: 'v1' })).digest;
}

describe('the embedded registry, spoken to by skopeo', { skip }, () => {
  test('takes an image, gives it back unchanged, lists and deletes it', async () => {
    await using directory = await TemporaryDirectory.create();
    const auth = { username: 'me', password: 'secret' };
    const server = await startRegistryServer({ root: directory.join('registry'), auth });
    const image = `docker://127.0.0.1:${server.port}/acme/app:v1`;
    await mkdir(directory.join('home'));
    const env = { PATH: process.env['PATH'], HOME: directory.join('home'), TMPDIR: directory.path };
    const skopeo = async (command: string, ...args: readonly string[]): Promise<string> => {
      const all = ['--insecure-policy', command, ...args];
      return (await promisify(execFile)('skopeo', all, { env })).stdout;
    };
    try {
      const digest = await makeImage(directory.join('from'));
      const pushTo = ['--dest-tls-verify=false', '--dest-creds=me:secret'];
      await skopeo('copy', ...pushTo, `oci:${directory.join('from')}:v1`, image);
      const access = ['--tls-verify=false', '--creds=me:secret'];
      const seen = JSON.parse(await skopeo('inspect', ...access, image)) as Readonly<Record<string, unknown>>;
      assert.deepEqual([seen['Digest'], seen['RepoTags']], [digest, ['v1']]);
      const pullFrom = ['--src-tls-verify=false', '--src-creds=me:secret'];
      await skopeo('copy', ...pullFrom, image, `oci:${directory.join('to')}:v1`);
      assert.equal((await new DirectoryStore(directory.join('to')).resolve('v1'))?.digest, digest);
      await skopeo('delete', ...access, image);
      await assert.rejects(skopeo('inspect', ...access, image), /manifest unknown|MANIFEST_UNKNOWN|no such manifest/i);
      await assert.rejects(
        skopeo('inspect', '--tls-verify=false', image),
        /unauthorized|authentication required|credentials/i,
      );
    } finally {
      await server.close();
    }
  });
});
