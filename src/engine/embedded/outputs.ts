import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Snapshot } from '../../builder/contract';
import { imageArchive, loadIntoDocker } from '../../builder/exporters/image-archive';
import { treeMembers, writeTarFile } from '../../builder/exporters/tar-file';
import { unpackTree } from '../../builder/exporters/unpack-tree';
import { describeImage, writeImage, type WrittenImage } from '../../builder/exporters/write-image';
import { uncompressedAnnotation } from '../../cache/contract';
import type { CompressionOptions } from '../../compression/contract';
import type { CallOptions, ContentStore } from '../../content/contract';
import { settleAll } from '../../content/settle-all';
import { DirectoryStore } from '../../content/directory-store';
import { unreachable } from '../../diagnostics/unreachable';
import type { Descriptor } from '../../oci/descriptor';
import { isDigest } from '../../oci/digest';
import type { ImageConfig } from '../../oci/image-config';
import { formatReference, type Reference } from '../../oci/reference';
import type { VertexEvent } from '../../progress/event';
import type { Remote } from '../../solver/contract';
import type { BuildOutcome, ImageOutput, ImageRef } from '../contract';
import type { Delivery } from './deliver';
import { writePlatformOutput, type PlatformImage } from './platform-outputs';
import { inVertex } from './progress-vertex';

/** What a build made, ready to be written. */
export interface BuiltImage {
  readonly snapshot: Snapshot;
  readonly config: ImageConfig;
  /** Its layers in a compression; gzip unless one is named. */
  readonly remote: (compression?: CompressionOptions, force?: boolean) => Promise<Remote>;
  readonly annotations: ImageAnnotations;
}

type Annotations = Readonly<Record<string, string>> | undefined;

/** Of the image of one platform. */
export interface ImageAnnotations {
  readonly manifest: Annotations;
  readonly descriptor: Annotations;
}

/** An image's config and layers in one compression. */
export interface ImageParts {
  readonly config: ImageConfig;
  readonly remote: Remote;
  readonly annotations: ImageAnnotations;
}

type Written = Pick<BuildOutcome, 'image' | 'config'>;

/** Writes all outputs at once. Without any, the image is only described: its layers stay in the local state. */
export async function writeOutputs(images: readonly PlatformImage[], delivery: Delivery): Promise<Written> {
  const { outputs } = delivery.request;
  const [image] = images;
  if (image === undefined) throw new Error('a build is for at least one platform');
  if (images.length > 1) {
    const indexes = await settleAll(outputs.map((output) => writePlatformOutput(images, output, delivery)));
    const index = indexes.find((each) => each !== undefined);
    return index ? { image: index } : {};
  }
  const written = await settleAll(outputs.map((output) => writeOutput(image, output, delivery)));
  const found = written.find((each) => each !== undefined);
  return found ? { image: found.manifest, config: { digest: found.config.digest, value: image.config } } : {};
}

function writeOutput(image: BuiltImage, output: ImageOutput, delivery: Delivery): Promise<WrittenImage | undefined> {
  switch (output.type) {
    case 'image':
      return output.push ? pushImage(image, output, delivery) : describeOnly(image, output);
    case 'oci':
    case 'docker':
      return writeLayout(image, output, delivery);
    case 'docker-load':
      return inVertex('loading image into docker', delivery, async () => {
        const archive = imageArchive(await imageParts(image), archiveOptions(image, delivery, { forDocker: true }));
        await loadIntoDocker(archive, { ...delivery, env: delivery.env });
        return archive;
      });
    case 'tar':
      return inVertex('exporting to tar', delivery, async () => {
        await writeTarFile(output.destination, treeMembers(await image.snapshot.tree(delivery), delivery), delivery);
        return undefined;
      });
    case 'local':
      return inVertex('exporting to local directory', delivery, async () => {
        await writeDirectory(image.snapshot, output.destination, delivery);
        return undefined;
      });
    default:
      return unreachable(output);
  }
}

type OutputOf<T extends ImageOutput['type']> = Extract<ImageOutput, { readonly type: T }>;

export async function describeOnly(image: BuiltImage, output: OutputOf<'image'>): Promise<WrittenImage> {
  const parts = await imageParts(image, output.compression, output.forceCompression);
  const { manifestDigest, manifest, mediaType, config } = describeImage(parts.config, parts.remote.descriptors, {
    ociMediaTypes: output.ociMediaTypes,
    ...(image.annotations.manifest && { annotations: image.annotations.manifest }),
  });
  return { manifest: { mediaType, digest: manifestDigest, size: manifest.length }, config };
}

async function pushImage(
  image: BuiltImage,
  output: OutputOf<'image'>,
  delivery: Delivery,
): Promise<WrittenImage | undefined> {
  const parts = await imageParts(image, output.compression, output.forceCompression);
  const written = await settleAll(
    byRepository(delivery.request.tags).map(([first, tags]) =>
      inVertex(`pushing ${formatReference(first)}`, delivery, (vertex) =>
        writeTo(parts, delivery.registries.repository(first), {
          output,
          tags,
          vertex,
          delivery,
          mountFrom: sharedRepository(
            first,
            (delivery.request.imageRefs ?? []).map(({ reference }) => reference),
          ),
        }),
      ),
    ),
  );
  return written[0];
}

/**
 * Gives the image its name in the cache repository, in the form in which it goes out. Gives the image's manifest, also
 * where another one has the name already; undefined where it failed or there is no image.
 */
export async function pushImageRef(
  image: BuiltImage,
  imageRef: ImageRef,
  delivery: Delivery,
): Promise<Descriptor | undefined> {
  try {
    return await writeImageRef(image, imageRef, delivery);
  } catch (error) {
    delivery.signal?.throwIfAborted();
    if (imageRef.ignoreError !== true) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const message = `image ${formatReference(imageRef.reference)}: ${reason}`;
    delivery.progress({ kind: 'warning', code: 'CACHE_EXPORT_FAILED', message });
    return undefined;
  }
}

async function writeImageRef(
  image: BuiltImage,
  { reference, state }: ImageRef,
  delivery: Delivery,
): Promise<Descriptor | undefined> {
  const output = delivery.request.outputs.find((each) => each.type === 'image');
  if (output?.type !== 'image') return undefined;
  const store = delivery.registries.repository(reference);
  if (state === 'missing' && (await store.resolve(reference.tag ?? 'latest', callOf(delivery)))) {
    return (await describeOnly(image, output)).manifest;
  }
  const parts = await imageParts(image, output.compression, output.forceCompression);
  const { manifest } = await inVertex(`pushing ${formatReference(reference)}`, delivery, (vertex) =>
    writeTo(parts, store, {
      output,
      tags: [reference.tag ?? 'latest'],
      vertex,
      delivery,
      mountFrom: output.push ? sharedRepository(reference, delivery.request.tags) : undefined,
    }),
  );
  return manifest;
}

/** The path of a repository of the same registry among the references, if there is one. */
function sharedRepository(reference: Reference, others: readonly Reference[]): string | undefined {
  const found = others.find((other) => other.host === reference.host && other.repository !== reference.repository);
  return found?.repository;
}

export function writeTo(
  parts: ImageParts,
  store: ContentStore,
  context: {
    readonly output: { readonly ociMediaTypes: boolean };
    readonly tags: readonly string[];
    /** Whose progress it is; without it, none is told. */
    readonly vertex?: VertexEvent;
    readonly delivery: Delivery;
    readonly mountFrom?: string | undefined;
  },
): Promise<WrittenImage> {
  const { delivery, mountFrom, output, tags, vertex } = context;
  const started = new Map<string, number>();
  const status = (layer: Descriptor, current: number, completed?: number): void => {
    const begun = started.get(layer.digest) ?? delivery.now();
    started.set(layer.digest, begun);
    if (vertex === undefined) return;
    delivery.progress({
      kind: 'status',
      vertex: vertex.digest,
      id: layer.digest,
      name: `pushing layer ${layer.digest}`,
      current,
      total: layer.size,
      started: begun,
      ...(completed !== undefined && { completed }),
    });
  };
  const sent = new Map<string, number>();
  return writeImage(parts, store, {
    ...(delivery.signal && { signal: delivery.signal }),
    ociMediaTypes: output.ociMediaTypes,
    tags,
    ...writtenAnnotations(parts),
    ...(mountFrom !== undefined && { mountFrom: () => mountFrom }),
    onLayer: (layer, event) => {
      status(layer, event === 'done' ? layer.size : 0, event === 'done' ? delivery.now() : undefined);
    },
    onBytes: (layer, bytes) => {
      const current = (sent.get(layer.digest) ?? 0) + bytes;
      sent.set(layer.digest, current);
      status(layer, current);
    },
  });
}

function writeLayout(image: BuiltImage, output: OutputOf<'oci' | 'docker'>, delivery: Delivery): Promise<WrittenImage> {
  const { destination, tar, type } = output;
  return inVertex(
    `exporting to ${type === 'oci' ? 'oci image layout' : 'docker image archive'}`,
    delivery,
    async () => {
      const parts = await imageParts(image, output.compression);
      if (tar) {
        const archive = imageArchive(parts, archiveOptions(image, delivery, { forDocker: type === 'docker' }));
        await writeTarFile(destination, archive.members, delivery);
        return archive;
      }
      const named = delivery.request.tags.map(({ tag }) => tag ?? 'latest');
      // A layout finds its image by a name in the index only.
      const tags = named.length === 0 ? ['latest'] : named;
      return writeImage(parts, new DirectoryStore(destination), {
        ...callOf(delivery),
        ociMediaTypes: true,
        tags,
        ...writtenAnnotations(parts),
      });
    },
  );
}

/** Unpacked aside first, so that a failure leaves the directory as it was; then its files join what is there. */
export async function writeDirectory(snapshot: Snapshot, destination: string, delivery: Delivery): Promise<void> {
  await mkdir(dirname(destination), { recursive: true });
  const aside = await mkdtemp(join(dirname(destination), '.nxrc-'));
  try {
    await unpackTree(await snapshot.tree(delivery), aside, callOf(delivery));
    await mkdir(destination, { recursive: true });
    await cp(aside, destination, { recursive: true, force: true, preserveTimestamps: true, verbatimSymlinks: true });
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

export async function imageParts(
  image: BuiltImage,
  compression?: CompressionOptions,
  force?: boolean,
): Promise<ImageParts> {
  const remote = await image.remote(compression, force);
  return { config: withDiffIds(image.config, remote), remote, annotations: image.annotations };
}

function writtenAnnotations({ annotations: { descriptor, manifest } }: Pick<ImageParts, 'annotations'>) {
  return { ...(manifest && { annotations: manifest }), ...(descriptor && { descriptorAnnotations: descriptor }) };
}

/** The config with the diffIDs that the blobs have: those of estargz are not the ones of the layers they were made of. */
function withDiffIds(config: ImageConfig, { descriptors }: Remote): ImageConfig {
  const diffIds = descriptors.map(({ annotations }) => annotations?.[uncompressedAnnotation]);
  if (!diffIds.every(isDigest)) return config;
  return { ...config, rootfs: { ...config.rootfs, diff_ids: diffIds } };
}

function archiveOptions(image: BuiltImage, delivery: Delivery, { forDocker }: { readonly forDocker: boolean }) {
  const names = delivery.request.tags.map(formatReference);
  return { ...callOf(delivery), forDocker, names, ...writtenAnnotations(image) };
}

/** Tags by repository: its first reference and all tags in it. */
export function byRepository(tags: readonly Reference[]): readonly (readonly [Reference, readonly string[]])[] {
  const groups = new Map<string, { readonly first: Reference; readonly tags: string[] }>();
  for (const reference of tags) {
    const key = `${reference.host}/${reference.repository}`;
    const group = groups.get(key) ?? { first: reference, tags: [] };
    group.tags.push(reference.tag ?? 'latest');
    groups.set(key, group);
  }
  return [...groups.values()].map(({ first, tags: names }) => [first, names] as const);
}

function callOf({ signal }: CallOptions): CallOptions {
  return signal ? { signal } : {};
}
