import { uncompressedAnnotation, type Remote } from '../../cache/contract';
import type { BlobReader, CallOptions, ContentStore, StoredManifest } from '../../content/contract';
import { readBlob } from '../../content/read-blob';
import { CodedError } from '../../diagnostics/coded-error';
import type { Descriptor } from '../../oci/descriptor';
import type { Digest } from '../../oci/digest';
import type { ImageConfig } from '../../oci/image-config';
import { parseImageIndex, parseImageManifest } from '../../oci/manifest';
import { isIndex } from '../../oci/media-types';
import { parseImageConfig } from '../../oci/parse-image-config';
import type { Platform } from '../../oci/platform';
import { formatPlatform, selectManifest } from '../../oci/platform';
import type { Reference } from '../../oci/reference';
import { formatReference } from '../../oci/reference';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    BASE_IMAGE_MISSING: { readonly reference: string };
    BASE_IMAGE_PLATFORM: { readonly reference: string; readonly platform: string };
  }
}

/** A base image for one platform: its manifest, config and layers, with where the layers' bytes are. */
export interface BaseImage {
  /** What the reference stood for: the index, if it is one. */
  readonly digest: Digest;
  readonly manifest: Descriptor;
  readonly config: ImageConfig;
  readonly layers: readonly Descriptor[];
  readonly provider: BlobReader;
}

export interface BaseImageOptions {
  /** The repository of a reference, as a content store. */
  readonly repository: (reference: Reference) => ContentStore;
  /** Manifests and configs kept from earlier builds, so that an unchanged base image costs one HEAD. */
  readonly kept: ContentStore;
  /** What references are known to stand for, by formatted reference; nobody is asked for these. */
  readonly known?: ReadonlyMap<string, Digest>;
}

/** Finds base images, each once per reference and platform in one build. */
export class BaseImages {
  readonly #found = new Map<string, Promise<BaseImage>>();
  readonly #byManifest = new Map<string, BaseImage>();

  constructor(private readonly options: BaseImageOptions) {}

  /** Fails with `BASE_IMAGE_MISSING`, `BASE_IMAGE_PLATFORM`, or what the registry client throws. */
  resolve(reference: Reference, platform: Platform, options?: CallOptions): Promise<BaseImage> {
    return this.resolveIn(this.options.repository(reference), { reference, platform }, options);
  }

  /** The same for an image that lies somewhere else, such as in an OCI layout given as a build context. */
  resolveIn(
    store: ContentStore,
    wanted: { readonly reference: Reference; readonly platform: Platform },
    options?: CallOptions,
  ): Promise<BaseImage> {
    const key = `${store.name} ${formatReference(wanted.reference)} ${formatPlatform(wanted.platform)}`;
    let found = this.#found.get(key);
    if (!found) {
      found = this.#resolve(store, wanted, options).then((image) => {
        this.#byManifest.set(image.manifest.digest, image);
        return image;
      });
      this.#found.set(key, found);
    }
    return found;
  }

  /** An image that this build has resolved before. */
  byManifest(manifest: Descriptor): BaseImage {
    const image = this.#byManifest.get(manifest.digest);
    if (!image) throw new Error(`image ${manifest.digest} was not resolved in this build`);
    return image;
  }

  /** The layers of such an image, each with its diffID, and where they are. */
  remoteOf(manifest: Descriptor): Remote {
    const { config, layers, provider } = this.byManifest(manifest);
    const descriptors = layers.map((layer, index) => {
      const diffId = config.rootfs.diff_ids[index];
      return diffId === undefined
        ? layer
        : { ...layer, annotations: { ...layer.annotations, [uncompressedAnnotation]: diffId } };
    });
    return { descriptors, provider };
  }

  async #resolve(
    store: ContentStore,
    { reference, platform }: { readonly reference: Reference; readonly platform: Platform },
    options?: CallOptions,
  ): Promise<BaseImage> {
    const top = await this.#manifest(store, reference, options);
    const stored = isIndex(top.descriptor.mediaType)
      ? await this.#fromIndex(store, top, { reference, platform }, options)
      : top;
    const manifest = parseImageManifest(stored.bytes, stored.descriptor.mediaType);
    const config = parseImageConfig(await this.#blob(store, manifest.config, options));
    return {
      digest: top.descriptor.digest,
      manifest: stored.descriptor,
      config,
      layers: manifest.layers,
      provider: store,
    };
  }

  async #fromIndex(
    store: ContentStore,
    top: StoredManifest,
    { reference, platform }: { readonly reference: Reference; readonly platform: Platform },
    options?: CallOptions,
  ): Promise<StoredManifest> {
    const index = parseImageIndex(top.bytes, top.descriptor.mediaType);
    const chosen = selectManifest(index.manifests, platform);
    if (!chosen) {
      const name = formatReference(reference);
      const offered = index.manifests.flatMap((each) => (each.platform ? [formatPlatform(each.platform)] : []));
      throw new CodedError(
        'BASE_IMAGE_PLATFORM',
        `${name} has no image for ${formatPlatform(platform)}`,
        { reference: name, platform: formatPlatform(platform) },
        { hint: `it has: ${offered.join(', ') || 'none with a platform'}` },
      );
    }
    return this.#manifest(store, { ...reference, digest: chosen.digest }, options);
  }

  /** A manifest by digest from what is kept, else from the store; a tag costs one HEAD to learn its digest. */
  async #manifest(store: ContentStore, reference: Reference, options?: CallOptions): Promise<StoredManifest> {
    const { kept, known } = this.options;
    const digest =
      reference.digest ??
      known?.get(formatReference(reference)) ??
      (await store.resolve(reference.tag ?? 'latest', options))?.digest;
    if (digest === undefined) throw missing(reference, 'the registry does not have it');
    const before = await kept.getManifest(digest, options);
    if (before) return before;
    const stored = await store.getManifest(digest, options);
    if (!stored) throw missing(reference, 'the registry does not have it');
    await kept.putManifest({ mediaType: stored.descriptor.mediaType, bytes: stored.bytes }, options);
    return stored;
  }

  async #blob(store: ContentStore, descriptor: Descriptor, options?: CallOptions): Promise<Buffer> {
    const { kept } = this.options;
    await kept.put(descriptor, (call) => store.open(descriptor, call), options);
    return readBlob(kept, descriptor, options);
  }
}

function missing(reference: Reference, reason: string): CodedError<'BASE_IMAGE_MISSING'> {
  const name = formatReference(reference);
  return new CodedError(
    'BASE_IMAGE_MISSING',
    `cannot use base image ${name}: ${reason}`,
    { reference: name },
    {
      hint: 'check the name and tag; a private image needs `docker login` for its registry',
    },
  );
}
