import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LayerInput } from '../../builder/contract';
import { treeMembers, writeTarFile } from '../../builder/exporters/tar-file';
import type { CallOptions } from '../../content/contract';
import { DirectoryStore } from '../../content/directory-store';
import { unreachable } from '../../diagnostics/unreachable';
import { DirectoryTree } from '../../filetree/directory-tree';
import type { Descriptor } from '../../oci/descriptor';
import { formatPlatform, type Platform } from '../../oci/platform';
import { formatReference } from '../../oci/reference';
import type { ImageOutput } from '../contract';
import { annotationsAt } from '../image-annotations';
import type { Delivery } from './deliver';
import { describeIndex, writeIndex, type PlatformManifest } from './image-index';
import { byRepository, describeOnly, imageParts, writeDirectory, writeTo, type BuiltImage } from './outputs';
import { inVertex } from './progress-vertex';

export interface PlatformImage extends BuiltImage {
  readonly platform: Platform;
}

type OutputOf<T extends ImageOutput['type']> = Extract<ImageOutput, { readonly type: T }>;

/** Members of an OCI layout's directory that belong into its tar. */
const layoutMembers = /^(?:blobs|index\.json$|oci-layout$)/;

/**
 * Writes an output of several platforms: images under one index, files in a directory for each platform, as BuildKit
 * does. Gives the index.
 */
export function writePlatformOutput(
  images: readonly PlatformImage[],
  output: ImageOutput,
  delivery: Delivery,
): Promise<Descriptor | undefined> {
  switch (output.type) {
    case 'image':
      return output.push ? pushIndex(images, output, delivery) : describe(images, output, delivery);
    case 'oci':
    case 'docker':
      return inVertex('exporting to oci image layout', delivery, () => writeLayout(images, output, delivery));
    case 'tar':
      return inVertex('exporting to tar', delivery, async () => {
        await writeTarFile(output.destination, platformMembers(images, delivery), callOf(delivery));
        return undefined;
      });
    case 'local':
      return inVertex('exporting to local directory', delivery, async () => {
        for (const { snapshot, platform } of images) {
          await writeDirectory(snapshot, join(output.destination, platformDirectory(platform)), delivery);
        }
        return undefined;
      });
    case 'docker-load':
      throw new Error('loading several platforms into docker is refused before the build');
    default:
      return unreachable(output);
  }
}

async function describe(
  images: readonly PlatformImage[],
  output: OutputOf<'image'>,
  delivery: Delivery,
): Promise<Descriptor> {
  const manifests = images.map(async (image): Promise<PlatformManifest> => {
    const { manifest } = await describeOnly(image, output);
    return platformManifest(image, manifest);
  });
  return describeIndex(await Promise.all(manifests), indexOptions(output, delivery)).descriptor;
}

/** The images first, and the tags last: none points at an index that is not complete. */
async function pushIndex(
  images: readonly PlatformImage[],
  output: OutputOf<'image'>,
  delivery: Delivery,
): Promise<Descriptor | undefined> {
  const pushed = await Promise.all(
    byRepository(delivery.request.tags).map(([first, tags]) =>
      inVertex(`pushing ${formatReference(first)}`, delivery, async (vertex) => {
        const store = delivery.registries.repository(first);
        const manifests: PlatformManifest[] = [];
        for (const image of images) {
          const parts = await imageParts(image, output.compression, output.forceCompression);
          const { manifest } = await writeTo(parts, store, { output, tags: [], vertex, delivery });
          manifests.push(platformManifest(image, manifest));
        }
        const index = describeIndex(manifests, indexOptions(output, delivery));
        await writeIndex(index, store, { ...callOf(delivery), tags });
        return index.descriptor;
      }),
    ),
  );
  return pushed[0];
}

async function writeLayout(
  images: readonly PlatformImage[],
  output: OutputOf<'oci' | 'docker'>,
  delivery: Delivery,
): Promise<Descriptor> {
  if (!output.tar) return fillLayout(images, output, { directory: output.destination, delivery });
  await mkdir(dirname(output.destination), { recursive: true });
  const directory = await mkdtemp(join(dirname(output.destination), '.nxrc-'));
  try {
    const descriptor = await fillLayout(images, output, { directory, delivery });
    const members = treeMembers(new DirectoryTree(directory), callOf(delivery));
    await writeTarFile(output.destination, ownedByRoot(members), callOf(delivery));
    return descriptor;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function fillLayout(
  images: readonly PlatformImage[],
  output: OutputOf<'oci' | 'docker'>,
  { directory, delivery }: { readonly directory: string; readonly delivery: Delivery },
): Promise<Descriptor> {
  const store = new DirectoryStore(directory);
  const manifests: PlatformManifest[] = [];
  for (const image of images) {
    const parts = await imageParts(image, output.compression);
    const { manifest } = await writeTo(parts, store, { output: { ociMediaTypes: true }, tags: [], delivery });
    manifests.push(platformManifest(image, manifest));
  }
  const index = describeIndex(manifests, indexOptions({ ociMediaTypes: true }, delivery));
  const named = [...new Set(delivery.request.tags.map(({ tag }) => tag ?? 'latest'))];
  // A layout finds its image by an entry in its index only.
  const tags = named.length === 0 ? ['latest'] : named;
  const annotations = annotationsAt(delivery.request, 'index-descriptor');
  await writeIndex(index, store, { ...callOf(delivery), tags, annotations });
  return index.descriptor;
}

/** The image as the index lists it. */
function platformManifest({ annotations, platform }: PlatformImage, manifest: Descriptor): PlatformManifest {
  return { platform, manifest, annotations: annotations.descriptor };
}

function indexOptions({ ociMediaTypes }: { readonly ociMediaTypes: boolean }, { request }: Delivery) {
  return { ociMediaTypes, annotations: annotationsAt(request, 'index') };
}

/** Whoever built it, and when: the archive is the same. */
async function* ownedByRoot(members: AsyncIterable<LayerInput>): AsyncGenerator<LayerInput> {
  for await (const { member, ...rest } of members) {
    if (member.kind !== 'entry' || !layoutMembers.test(member.entry.path)) continue;
    yield { ...rest, member: { ...member, entry: { ...member.entry, uid: 0, gid: 0, mtimeNs: 0n } } };
  }
}

async function* platformMembers(images: readonly PlatformImage[], delivery: Delivery): AsyncGenerator<LayerInput> {
  for (const { snapshot, platform } of images) {
    const prefix = platformDirectory(platform);
    const directory = { path: prefix, type: 'directory', mode: 0o755, size: 0, uid: 0, gid: 0, mtimeNs: 0n } as const;
    yield { member: { kind: 'entry', entry: directory } };
    for await (const { member, ...rest } of treeMembers(await snapshot.tree(delivery), callOf(delivery))) {
      if (member.kind !== 'entry' && member.kind !== 'hardlink') continue;
      const entry = { ...member.entry, path: `${prefix}/${member.entry.path}` };
      if (member.kind === 'entry') yield { ...rest, member: { ...member, entry } };
      else yield { ...rest, member: { ...member, entry, target: `${prefix}/${member.target}` } };
    }
  }
}

function platformDirectory(platform: Platform): string {
  return formatPlatform(platform).replaceAll('/', '_');
}

function callOf({ signal }: CallOptions): CallOptions {
  return signal ? { signal } : {};
}
