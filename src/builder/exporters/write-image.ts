import { uncompressedAnnotation } from '../../cache/contract';
import { copyBlob } from '../../content/copy';
import { Limiter } from '../../content/limiter';
import { stoppable } from '../../content/stoppable';
import type { CallOptions, ContentStore } from '../../content/contract';
import { streamOf } from '../../filetree/read-file';
import type { Descriptor } from '../../oci/descriptor';
import { digestOf, isDigest, type Digest } from '../../oci/digest';
import type { ImageConfig } from '../../oci/image-config';
import { serializeManifest } from '../../oci/manifest';
import { convertLayerMediaType, mediaTypes } from '../../oci/media-types';
import type { Remote } from '../../solver/contract';

/** Layers that are written at a time; a store has its own bound for its requests. */
const concurrentLayers = 4;

export interface WriteImageOptions extends CallOptions {
  readonly ociMediaTypes: boolean;
  /** Tags that point at the image when everything is there; none leaves it to be found by its digest. */
  readonly tags: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** Of the manifest's entry, where the store is an OCI layout. */
  readonly descriptorAnnotations?: Readonly<Record<string, string>>;
  /** Where a layer may be mounted from instead of sent. */
  readonly mountFrom?: (layer: Descriptor) => string | undefined;
  readonly onLayer?: (layer: Descriptor, event: 'started' | 'done') => void;
  readonly onBytes?: (layer: Descriptor, bytes: number) => void;
}

export interface WrittenImage {
  readonly manifest: Descriptor;
  readonly config: Descriptor;
}

/** An image's config and manifest, before anything is written. */
export interface ImageBytes {
  readonly mediaType: string;
  readonly manifest: Buffer;
  readonly manifestDigest: Digest;
  readonly config: Descriptor;
  readonly configBytes: Buffer;
}

/** The bytes that an image of this config and these layers has. */
export function describeImage(
  config: ImageConfig,
  layers: readonly Descriptor[],
  options: { readonly ociMediaTypes: boolean; readonly annotations?: Readonly<Record<string, string>> },
): ImageBytes {
  const family = options.ociMediaTypes ? 'oci' : 'docker';
  const hasAnnotations = Object.keys(options.annotations ?? {}).length > 0;
  const configBytes = Buffer.from(JSON.stringify(withDiffIds(config, layers)));
  const configDescriptor: Descriptor = {
    mediaType: options.ociMediaTypes ? mediaTypes.ociConfig : mediaTypes.dockerConfig,
    digest: digestOf(configBytes),
    size: configBytes.length,
  };
  const mediaType = options.ociMediaTypes ? mediaTypes.ociManifest : mediaTypes.dockerManifest;
  const manifest = serializeManifest({
    kind: 'manifest',
    mediaType,
    config: configDescriptor,
    layers: layers.map((layer) => imageLayer(layer, family)),
    ...(hasAnnotations && { annotations: options.annotations }),
  });
  return { manifest, mediaType, manifestDigest: digestOf(manifest), config: configDescriptor, configBytes };
}

/** The config with the diffIDs of these very blobs, since that of an estargz covers its table of contents. */
function withDiffIds(config: ImageConfig, layers: readonly Descriptor[]): ImageConfig {
  const diffIds = config.rootfs.diff_ids.map((diffId, index) => {
    const own = layers[index]?.annotations?.[uncompressedAnnotation];
    return isDigest(own) ? own : diffId;
  });
  return { ...config, rootfs: { ...config.rootfs, diff_ids: diffIds } };
}

/**
 * Writes an image into a store: layers and config in parallel, then the manifest, and the tags last. After a failure,
 * nothing is written any more.
 */
export async function writeImage(
  image: { readonly config: ImageConfig; readonly remote: Remote },
  store: ContentStore,
  options: WriteImageOptions,
): Promise<WrittenImage> {
  const { config, remote } = image;
  const call = {
    ...(options.signal && { signal: options.signal }),
    ...(options.descriptorAnnotations && { annotations: options.descriptorAnnotations }),
  };
  const described = describeImage(config, remote.descriptors, options);
  await writeBlobs(remote, described, store, options);
  options.signal?.throwIfAborted();
  const { mediaType, manifest: bytes } = described;
  const [first, ...others] = options.tags;
  const manifest = await store.putManifest(
    { mediaType, bytes },
    { ...call, ...(first !== undefined && { tag: first }) },
  );
  for (const tag of others) await store.putManifest({ mediaType, bytes }, { ...call, tag });
  return { manifest, config: described.config };
}

async function writeBlobs(
  { descriptors, provider }: Remote,
  { config, configBytes }: ImageBytes,
  store: ContentStore,
  options: WriteImageOptions,
): Promise<void> {
  const { signal, stop } = stoppable(options.signal);
  const limiter = new Limiter(concurrentLayers);
  const unique = new Map(descriptors.map((layer) => [layer.digest, layer]));
  const copies = [...unique.values()].map((layer) =>
    limiter.run(async () => {
      options.onLayer?.(layer, 'started');
      const mountFrom = options.mountFrom?.(layer);
      await copyBlob({ source: provider, target: store }, layer, {
        signal,
        onBytes: (bytes) => options.onBytes?.(layer, bytes),
        ...(mountFrom !== undefined && { mountFrom }),
      });
      options.onLayer?.(layer, 'done');
    }, signal),
  );
  const configCopy = store.put(config, () => Promise.resolve(streamOf(configBytes)), { signal });
  try {
    await Promise.all([...copies, configCopy]);
  } catch (error) {
    stop(error);
    await Promise.allSettled([...copies, configCopy]);
    options.signal?.throwIfAborted();
    throw error;
  }
}

/**
 * A layer as an image's manifest has it: without what only builders and containerd need to know. Docker's layers have
 * no annotations at all.
 */
function imageLayer({ annotations = {}, ...layer }: Descriptor, family: 'oci' | 'docker'): Descriptor {
  const bare = { ...layer, mediaType: convertLayerMediaType(layer.mediaType, family) };
  if (family === 'docker') return bare;
  const kept = Object.entries(annotations).filter(([name]) => !isInternal(name));
  return { ...bare, ...(kept.length > 0 && { annotations: Object.fromEntries(kept) }) };
}

function isInternal(annotation: string): boolean {
  return (
    annotation === uncompressedAnnotation ||
    annotation.startsWith('buildkit/') ||
    annotation.startsWith('containerd.io/distribution.source.')
  );
}
