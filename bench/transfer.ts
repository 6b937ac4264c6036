import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import { noise } from '../src/compression/testing/sample-content';
import { copyGraph } from '../src/content/copy';
import { DirectoryStore } from '../src/content/directory-store';
import type { Descriptor } from '../src/oci/descriptor';
import { digestOf } from '../src/oci/digest';
import { mediaTypes } from '../src/oci/media-types';
import { RegistryClient } from '../src/registry/registry-client';
import type { RegistryRepository } from '../src/registry/registry-repository';
import { Transport } from '../src/transport/transport';
import type { Bench, BenchContext } from './bench';
import { measureInTurns, measureMs, megabytesPerSecond } from './support/measure';
import { hasProgram, runProgram, versionOf } from './support/programs';
import { startDistribution, startOurRegistry, type BenchRegistry } from './support/registries';
import { formatTable } from './support/table';

const layers = 40;
const layerBytes = 8_000_000;
const rounds = 3;

/** Writes an image of layers that do not compress, as an OCI layout with the tag `image`. */
async function writeImage(directory: string): Promise<number> {
  const store = new DirectoryStore(directory);
  const put = async (mediaType: string, bytes: Buffer): Promise<Descriptor> => {
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
    await store.put(descriptor, () => Promise.resolve(Readable.from([bytes], { objectMode: false })));
    return descriptor;
  };
  const blobs: Descriptor[] = [];
  const diffIds: string[] = [];
  for (let index = 0; index < layers; index++) {
    const bytes = gzipSync(noise(layerBytes, index + 1), { level: 0 });
    diffIds.push(`sha256:${createHash('sha256').update(gunzipSync(bytes)).digest('hex')}`);
    blobs.push(await put(mediaTypes.ociLayerGzip, bytes));
  }
  const rootfs = { type: 'layers', diff_ids: diffIds };
  const config = { architecture: 'amd64', os: 'linux', config: {}, rootfs };
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: await put(mediaTypes.ociConfig, Buffer.from(JSON.stringify(config))),
    layers: blobs,
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  await store.putManifest({ mediaType: mediaTypes.ociManifest, bytes }, { tag: 'image' });
  return blobs.reduce((sum, { size }) => sum + size, 0);
}

/** Opens a repository for one copy, as a process of its own would: no connection is there yet. */
async function withRepository(
  host: string,
  repository: string,
  work: (repository: RegistryRepository) => Promise<unknown>,
): Promise<number> {
  await using transport = new Transport({});
  const client = new RegistryClient({ transport });
  await work(client.repository({ host, repository }));
  return client.traffic().requests;
}

/** Starts an empty registry in a directory; undefined where the machine has none. */
type StartRegistry = (directory: string) => Promise<BenchRegistry | undefined>;

type Copy = (registry: BenchRegistry) => Promise<unknown>;

function skopeo(from: string, to: string): Promise<number> {
  const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false'];
  return runProgram('skopeo', ['--insecure-policy', 'copy', '--quiet', ...insecure, from, to]);
}

/** Each push goes to a new, empty registry: otherwise skopeo would mount what it knows to be there. */
async function timePush(start: StartRegistry, directory: string, push: Copy): Promise<number> {
  const root = join(directory, 'pushed');
  try {
    await using registry = await start(root);
    return registry === undefined ? Number.NaN : await measureMs(() => push(registry));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function compare(start: StartRegistry, image: string, bytes: number, context: BenchContext): Promise<void> {
  await using registry = await start(join(context.directory, 'registry'));
  if (registry === undefined) {
    context.print('(left out: docker-registry, which this machine does not have)');
    return;
  }
  const target = join(context.directory, 'pulled');
  let requests = 0;
  const ourPush: Copy = async ({ host }) => {
    requests = await withRepository(host, 'image', (to) =>
      copyGraph({ source: new DirectoryStore(image), target: to }, 'image', { tag: 'latest' }),
    );
  };
  const ourPull: Copy = async ({ host }) => {
    requests = await withRepository(host, 'image', (from) =>
      copyGraph({ source: from, target: new DirectoryStore(target) }, 'latest', { tag: 'image' }),
    );
  };
  const theirPush: Copy = ({ host }) => skopeo(`oci:${image}:image`, `docker://${host}/image:latest`);
  const theirPull: Copy = ({ host }) => skopeo(`docker://${host}/image:latest`, `oci:${target}:image`);
  const hasSkopeo = hasProgram('skopeo');
  if (!hasSkopeo) context.print('(left out: skopeo, which this machine does not have)');
  const timePull = (copy: Copy): Promise<number> =>
    measureMs(() => copy(registry), { prepare: () => rm(target, { recursive: true, force: true }) });
  const rows: string[][] = [];
  const addRow = (what: string, ms: number, referenceMs: number | undefined, counted: string): void => {
    const relative = referenceMs === undefined ? '' : (referenceMs / ms).toFixed(2);
    rows.push([what, megabytesPerSecond(bytes, ms).toFixed(0), relative, counted]);
  };
  for (const { what, theirs, ours, measure } of [
    {
      what: 'push',
      theirs: theirPush,
      ours: ourPush,
      measure: (copy: Copy) => timePush(start, context.directory, copy),
    },
    { what: 'pull', theirs: theirPull, ours: ourPull, measure: timePull },
  ]) {
    if (what === 'pull') await ourPush(registry);
    const works = [ours, ...(hasSkopeo ? [theirs] : [])].map((copy) => () => measure(copy));
    const [ourMs = Number.NaN, theirMs] = await measureInTurns(works, rounds);
    if (theirMs !== undefined) addRow(`skopeo ${what}`, theirMs, theirMs, '');
    addRow(`ours ${what}`, ourMs, theirMs, String(requests));
  }
  context.print(`${formatTable([registry.name, 'MB/s', 'speed relative to skopeo', 'requests'], rows)}\n`);
  await rm(join(context.directory, 'registry'), { recursive: true, force: true });
}

export const transferBench: Bench = {
  name: 'transfer',
  description: `push and pull of ${layers} layers of ${layerBytes / 1_000_000} MB, over loopback`,
  async run(context) {
    const image = join(context.directory, 'image');
    const bytes = await writeImage(image);
    if (hasProgram('skopeo')) context.print(`${versionOf('skopeo')}\n`);
    for (const start of [startDistribution, startOurRegistry]) await compare(start, image, bytes, context);
  },
};
