import type { CallOptions, ContentStore } from '../content/contract';
import '../content/content-errors';
import { isCodedError } from '../diagnostics/coded-error';
import type { BuildOutcome, BuildRequest, CacheSource } from '../engine/contract';
import { describeIndex } from '../engine/embedded/image-index';
import { annotationsAt } from '../engine/image-annotations';
import type { Conversion } from '../llb/conversion';
import type { Descriptor } from '../oci/descriptor';
import type { Digest } from '../oci/digest';
import { parseManifest } from '../oci/manifest';
import { isManifest } from '../oci/media-types';
import type { Platform } from '../oci/platform';
import { formatReference, withTag, type Reference } from '../oci/reference';
import { lacksBlobs } from '../registry/manifest-requests';
import { assembleImage, findLayers } from './assemble-image';
import type { StageRefReport, StageRefSettings } from './contract';
import { findRef, type RefPlace } from './find-ref';
import { placeImage, type ImagePart, type PlaceableImage } from './place-image';
import type { ProbeSession, ProbeSettings } from './probe-session';

/** The image of one platform in the cache. */
export interface CachedImage extends ImagePart {
  readonly kind: 'found';
  /** Whether it was put together just now. */
  readonly isAssembled: boolean;
  readonly config?: { readonly digest: Digest };
}

export type ProbedImage = CachedImage | { readonly kind: 'missing' | 'broken' | 'unsigned' };

/** An image that was served, or what was found instead. */
export type Served =
  | {
      readonly kind: 'served';
      readonly how: NonNullable<StageRefReport['served']>;
      readonly outcome: Pick<BuildOutcome, 'image' | 'config'>;
    }
  | { readonly kind: 'missing' | 'broken' };

/** Serves a build's image out of the cache, without a builder: that of one platform, or an index over those of several. */
export class ImageProbe {
  /** What the tags of the build point at, asked once. */
  #tags: Promise<ReadonlyMap<string, Descriptor | undefined>> | undefined;

  constructor(
    private readonly session: ProbeSession,
    private readonly settings: StageRefSettings & ProbeSettings,
    private readonly places: readonly RefPlace[],
    private readonly call: CallOptions,
  ) {}

  /** Whether an image is all that the build is to give, and may come from a cache. */
  get isPossible(): boolean {
    const { attestations = [], outputs, noCache, platforms } = this.#request;
    const isCached = noCache === false || (Array.isArray(noCache) && noCache.length === 0);
    // Attestations of several platforms stand in their index, which the images of the platforms know nothing of.
    const isWhole = platforms.length <= 1 || attestations.length === 0;
    return isCached && isWhole && outputs.every(({ type }) => type === 'image');
  }

  get #request(): BuildRequest {
    return this.session.request;
  }

  /** The tags that have to point at the image. */
  get #wanted(): readonly Reference[] {
    const pushes = this.#request.outputs.some((output) => output.type === 'image' && output.push);
    return pushes ? this.#request.tags : [];
  }

  /** Where an image that is not there is to be. */
  reference(tag: string): Reference {
    return withTag(this.settings.writes ?? this.settings.reads[0], tag);
  }

  /** Looks for an image by one request, and at the same time asks what the tags of the build point at, by one for each. */
  async find(tag: string): Promise<ProbedImage> {
    const { signatures, verify } = this.settings;
    const [found] = await Promise.all([
      findRef(this.places, tag, { verify, signatures, ...this.call }),
      this.#knownTags(),
    ]);
    if (found.kind !== 'found') return found;
    const { descriptor, place, stored } = found;
    const manifest = stored && parseManifest(stored.bytes, descriptor.mediaType);
    return {
      kind: 'found',
      isAssembled: false,
      descriptor,
      from: place.store,
      fromReference: withTag(place.reference, tag),
      ...(stored && { bytes: stored.bytes }),
      ...(manifest?.kind === 'manifest' && { config: { digest: manifest.config.digest } }),
    };
  }

  /** Points the tags of the build at the images. No request where they point there already. A dry run only looks. */
  async serve(images: readonly { readonly platform: Platform; readonly image: CachedImage }[]): Promise<Served> {
    const placeable = this.#placeable(images);
    if (!placeable) return { kind: 'missing' };
    return this.#unlessBroken(async () => {
      const known = await this.#knownTags();
      const isMoved =
        !this.settings.dryRun &&
        (await placeImage(placeable, this.#wanted, {
          ...this.call,
          repository: (reference) => this.session.registries.repository(reference),
          known,
        }));
      const isAssembled = images.some(({ image }) => image.isAssembled);
      const [only] = images;
      const config = images.length === 1 ? only?.image.config : undefined;
      return {
        kind: 'served',
        how: isAssembled ? 'assembled' : isMoved ? 'tagged' : 'in-place',
        outcome: { image: placeable.descriptor, ...(config && { config }) },
      };
    });
  }

  /** What tags would have to point at; undefined where the images make no index. */
  descriptorOf(images: Parameters<ImageProbe['serve']>[0]): Descriptor | undefined {
    return this.#placeable(images)?.descriptor;
  }

  /** After a build, which has moved the tags: nothing is known of them. */
  forgetTags(): void {
    this.#tags = Promise.resolve(new Map());
  }

  /** Puts an image together from layers that the caches have, and puts it under the tag for the next time. */
  assemble(conversion: Conversion, caches: readonly CacheSource[], tag: string): Promise<ProbedImage> {
    const { session, settings } = this;
    const { verify, now, writes, signatures } = settings;
    return this.#unlessBroken(async (): Promise<ProbedImage> => {
      const store = (source: CacheSource): ContentStore => session.storeOf(source);
      const remote = await findLayers(conversion, caches, { ...this.call, worker: session.worker, store, verify, now });
      // Without the right to write refs, the image is put together where it is to go.
      const home = writes ?? this.#wanted[0];
      if (!remote || settings.dryRun || !home) return { kind: 'missing' };
      const from = session.registries.repository(home);
      const options = { ...this.call, request: this.#request, store: from, tag: writes && tag, now };
      const image = await assembleImage(conversion, remote, options);
      if (!image) return { kind: 'missing' };
      const { config, manifest: descriptor } = image;
      if (writes) await signatures?.sign(from, tag, descriptor.digest, this.call);
      const fromReference = writes ? withTag(writes, tag) : home;
      return { kind: 'found', isAssembled: true, descriptor, from, fromReference, config: { digest: config.digest } };
    });
  }

  /** Undefined where what was found is nothing that an index can name. */
  #placeable(images: Parameters<ImageProbe['serve']>[0]): PlaceableImage | undefined {
    const parts = images.map(({ image }) => image);
    const [only] = parts;
    if (!only) return undefined;
    if (parts.length === 1) {
      return { descriptor: only.descriptor, parts, ...(only.bytes && { bytes: only.bytes }) };
    }
    if (!parts.every(({ descriptor }) => isManifest(descriptor.mediaType))) return undefined;
    const output = this.#request.outputs.find(({ type }) => type === 'image');
    const ociMediaTypes = output?.type === 'image' ? output.ociMediaTypes : true;
    const manifests = images.map(({ image, platform }) => ({
      platform,
      manifest: image.descriptor,
      annotations: annotationsAt(this.#request, 'manifest-descriptor', platform),
    }));
    const annotations = annotationsAt(this.#request, 'index');
    return { ...describeIndex(manifests, { ociMediaTypes, annotations }), parts };
  }

  async #unlessBroken<T>(task: () => Promise<T>): Promise<T | { readonly kind: 'broken' }> {
    try {
      return await task();
    } catch (error) {
      this.call.signal?.throwIfAborted();
      if (isCodedError(error, 'BLOB_MISSING', 'BLOB_CORRUPT', 'CACHED_LAYER_MISSING')) return { kind: 'broken' };
      if (lacksBlobs(error)) return { kind: 'broken' };
      throw error;
    }
  }

  #knownTags(): Promise<ReadonlyMap<string, Descriptor | undefined>> {
    this.#tags ??= Promise.all(
      this.#wanted.map(async (reference) => {
        const store = this.session.registries.repository(reference);
        return [formatReference(reference), await store.resolve(reference.tag ?? 'latest', this.call)] as const;
      }),
    ).then((entries) => new Map(entries));
    return this.#tags;
  }
}
