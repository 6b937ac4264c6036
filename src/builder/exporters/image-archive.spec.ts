import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { DirectoryStore } from '../../content/directory-store';
import { MemoryStore } from '../../content/memory-store';
import { streamOf } from '../../filetree/read-file';
import { digestOf, hexOf } from '../../oci/digest';
import type { ImageConfig } from '../../oci/image-config';
import { tempDirectory } from '../testing/temp-directory';
import { imageArchive, loadIntoDocker } from './image-archive';
import { writeTarFile } from './tar-file';

const config: ImageConfig = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } };

async function sample(content = 'a layer') {
  const bytes = Buffer.from(content);
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  const provider = new MemoryStore();
  await provider.put(descriptor, () => Promise.resolve(streamOf(bytes)));
  return { config, remote: { descriptors: [descriptor, descriptor], provider } };
}

const names = ['docker.io/library/app:1', 'localhost:5000/app:latest'];

test('the archive is an OCI layout that others read, with what docker load needs', async (t) => {
  const directory = await tempDirectory(t);
  const image = await sample();
  const archive = imageArchive(image, { forDocker: true, names });
  const path = join(directory, 'out', 'image.tar');
  await writeTarFile(path, archive.members);
  const layout = join(directory, 'layout');
  await mkdir(layout);
  execFileSync('tar', ['-xf', path, '-C', layout]);
  const store = new DirectoryStore(layout);
  for (const name of ['1', 'latest', names[0]!]) {
    assert.equal((await store.getManifest(name))?.descriptor.digest, archive.manifest.digest);
  }
  const manifest = JSON.parse(await readFile(join(layout, 'manifest.json'), 'utf8')) as unknown;
  const layer = `blobs/sha256/${hexOf(image.remote.descriptors[0]!.digest)}`;
  const blob = `blobs/sha256/${hexOf(archive.config.digest)}`;
  assert.deepEqual(manifest, [
    { Config: blob, RepoTags: ['app:1', 'localhost:5000/app:latest'], Layers: [layer, layer] },
  ]);
  assert.equal(await readFile(join(layout, layer), 'utf8'), 'a layer');
  assert.deepEqual(JSON.parse(await readFile(join(layout, blob), 'utf8')), config);
});

test('without names the image is still found, and a plain OCI archive has nothing of Docker in it', async (t) => {
  const directory = await tempDirectory(t);
  const archive = imageArchive(await sample(), { forDocker: false, names: [] });
  await writeTarFile(join(directory, 'image.tar'), archive.members);
  const listed = execFileSync('tar', ['-tf', join(directory, 'image.tar')], { encoding: 'utf8' })
    .trim()
    .split('\n');
  assert.ok(!listed.includes('manifest.json'));
  assert.deepEqual(listed.slice(-2), ['index.json', 'oci-layout']);
  const index = execFileSync('tar', ['-xOf', join(directory, 'image.tar'), 'index.json'], { encoding: 'utf8' });
  assert.deepEqual((JSON.parse(index) as { manifests: unknown }).manifests, [archive.manifest]);
});

async function fakeDocker(t: TestContext, script: string) {
  const directory = await tempDirectory(t);
  await writeFile(join(directory, 'docker'), `#!/bin/sh\n${script}\n`);
  await chmod(join(directory, 'docker'), 0o755);
  return { directory, env: { PATH: `${directory}:/usr/bin:/bin`, OUT: directory } };
}

test('docker gets the archive on its standard input', async (t) => {
  const { directory, env } = await fakeDocker(t, 'echo "$@" > "$OUT/args"; cat > "$OUT/stdin.tar"');
  await loadIntoDocker(imageArchive(await sample(), { forDocker: true, names }), { env });
  assert.equal((await readFile(join(directory, 'args'), 'utf8')).trim(), 'load --quiet');
  const listed = execFileSync('tar', ['-tf', join(directory, 'stdin.tar')], { encoding: 'utf8' });
  assert.match(listed, /^manifest\.json$/m);
});

test('a daemon that refuses, one that does not listen, and no docker at all are told', async (t) => {
  const archive = imageArchive(await sample('x'.repeat(500_000)), { forDocker: true, names });
  const refusing = await fakeDocker(t, 'echo "Cannot connect to the Docker daemon" >&2; exit 1');
  await assert.rejects(loadIntoDocker(archive, refusing), { code: 'DOCKER_LOAD_FAILED', message: /Cannot connect/ });
  await assert.rejects(loadIntoDocker(archive, { env: { PATH: '/nonexistent' } }), { code: 'DOCKER_LOAD_FAILED' });
});
