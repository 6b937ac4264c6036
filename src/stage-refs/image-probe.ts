import type { CallOptions, ContentStore } from '../content/contract';
import '../content/content-errors';
import { isCodedError } from '../diagnostics/coded-error';
import type { BuildOutcome, BuildRequest, CacheSource } from '../engine/contract';
import type { Conversion } from '../llb/conversion';
import type { Descriptor } from '../oci/descriptor';
import { parseManifest } from '../oci/manifest';
import { formatReference, withTag, type Reference } from '../oci/reference';
import { assembleImage, findLayers } from './assemble-image';
import type { StageRefReport, StageRefSettings } from './contract';
import type { FoundImage } from './find-image';
import { findRef, type RefPlace } from './find-ref';
import { placeImage } from './place-image';
import type { ProbeSession, ProbeSettings } from './probe-session';

/** An image that was served, or what was found instead. */
export type Served =
  | {
      readonly kind: 'served';
      readonly how: NonNullable<StageRefReport['served']>;
      readonly outcome: Pick<BuildOutcome, 'image' | 'config'>;
      /** Where in the cache it is, if it is there. */
      readonly reference?: Reference;
    }
  | { readonly kind: 'missing' | 'broken' | 'unsigned' };

/** Serves a build's image out of the cache, without a builder. */
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
    const { outputs, noCache, platforms } = this.#request;
    const isCached = noCache === false || (Array.isArray(noCache) && noCache.length === 0);
    return isCached && platforms.length <= 1 && outputs.every(({ type }) => type === 'image');
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

  /**
   * Serves the image that the cache has under a tag. One request for it and one for each tag of the build, at
   * the same time, and no more where the tags point at it already. A dry run only looks.
   */
  async serve(tag: string): Promise<Served> {
    const { signatures, verify } = this.settings;
    const [found, known] = await Promise.all([
      findRef(this.places, tag, { verify, signatures, ...this.call }),
      this.#knownTags(),
    ]);
    if (found.kind !== 'found') return found;
    return this.#complete(async () => {
      const reference = withTag(found.place.reference, tag);
      const moved = await this.#place(found, known, { store: found.place.store, reference });
      return { how: moved ? 'tagged' : 'in-place', outcome: outcomeOf(found), reference };
    });
  }

  /** Serves the image of layers that the caches have, and puts it under the tag for the next time. */
  async assemble(conversion: Conversion, caches: readonly CacheSource[], tag: string): Promise<Served> {
    const { session, settings } = this;
    const { verify, now, writes, signatures } = settings;
    return this.#complete(async () => {
      const store = (source: CacheSource): ContentStore => session.storeOf(source);
      const remote = await findLayers(conversion, caches, { ...this.call, worker: session.worker, store, verify, now });
      if (!remote || settings.dryRun) return undefined;
      const options = { ...this.call, request: this.#request, now };
      // Without the right to write refs, the image is put together where it is to go.
      const reference = writes ?? this.#wanted[0];
      if (!reference) return undefined;
      const target = session.registries.repository(reference);
      const image = await assembleImage(conversion, remote, {
        ...options,
        store: target,
        tag: writes && tag,
      });
      if (!image) return undefined;
      const { manifest, config } = image;
      const found: FoundImage = { kind: 'found', descriptor: manifest };
      if (writes) await signatures?.sign(target, tag, manifest.digest, this.call);
      await this.#place(found, await this.#knownTags(), { store: target, reference });
      const outcome = { image: manifest, config: { digest: config.digest } };
      return { how: 'assembled', outcome, ...(writes && { reference: withTag(writes, tag) }) };
    });
  }

  async #complete(
    task: () => Promise<Omit<Extract<Served, { readonly kind: 'served' }>, 'kind'> | undefined>,
  ): Promise<Served> {
    try {
      const served = await task();
      return served ? { kind: 'served', ...served } : { kind: 'missing' };
    } catch (error) {
      this.call.signal?.throwIfAborted();
      if (isCodedError(error, 'BLOB_MISSING', 'BLOB_CORRUPT', 'CACHED_LAYER_MISSING')) return { kind: 'broken' };
      throw error;
    }
  }

  #place(
    found: Extract<FoundImage, { readonly kind: 'found' }>,
    known: ReadonlyMap<string, Descriptor | undefined>,
    from: RefPlace,
  ): Promise<boolean> {
    if (this.settings.dryRun) return Promise.resolve(false);
    return placeImage(found.descriptor, this.#wanted, {
      ...this.call,
      from: from.store,
      fromReference: from.reference,
      repository: (reference) => this.session.registries.repository(reference),
      known,
      ...(found.stored && { stored: found.stored }),
    });
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

function outcomeOf({
  descriptor,
  stored,
}: Extract<FoundImage, { readonly kind: 'found' }>): Pick<BuildOutcome, 'image' | 'config'> {
  const manifest = stored && parseManifest(stored.bytes, stored.descriptor.mediaType);
  return {
    image: descriptor,
    ...(manifest?.kind === 'manifest' && { config: { digest: manifest.config.digest } }),
  };
}
