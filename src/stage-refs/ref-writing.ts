import type { CallOptions, ContentStore } from '../content/contract';
import type { BuildOutcome, CacheSource, StageCache, StoredCacheTarget } from '../engine/contract';
import type { Digest } from '../oci/digest';
import { formatReference, withDigest, withTag, type Reference } from '../oci/reference';
import type { SigningReport, StageRefSettings } from './contract';
import type { PlatformPlan } from './platform-plan';
import { writtenAtAnnotation } from './written-at';

/** What a build writes into the cache, all of it into one repository, and the signatures of that. */
export class RefWriting {
  /** Tags by what reports call them. */
  readonly #written = new Map<string, string>();

  constructor(
    private readonly home: Reference,
    private readonly store: ContentStore,
    private readonly settings: StageRefSettings & { readonly now: () => number },
  ) {}

  /** Stages to write. One that another repository has is written here only if it proves to have lost something. */
  stageCaches(plans: readonly Pick<PlatformPlan, 'platform' | 'stages'>[]): readonly StageCache[] {
    // What is made on the machine's own platform is the same for all others.
    const caches = new Map<string, StageCache>();
    for (const { platform, stages } of plans) {
      for (const { reference, stage, state } of stages) {
        const { tag = '' } = reference;
        if (state === 'unneeded' || caches.has(tag)) continue;
        const target = this.#target(tag);
        caches.set(tag, { stage: stage.index, platform, target, state: state === 'present' ? 'exists' : state });
      }
    }
    return [...caches.values()];
  }

  /** The cache of the branch. */
  scopeTargets(): readonly StoredCacheTarget[] {
    const { exportScope } = this.settings;
    return exportScope?.tag === undefined ? [] : [this.#target(exportScope.tag)];
  }

  /**
   * Signs what was written, by the digests that this build knows: what stands under a tag by now may be someone else's.
   * A manifest that someone else put first is not there, and remains theirs to sign.
   */
  async sign(outcome: BuildOutcome, call: CallOptions): Promise<SigningReport | undefined> {
    const { ignoreError, signatures } = this.settings;
    if (!signatures) return undefined;
    const written = outcome.cacheExports.filter(
      ({ error, location }) => error === undefined && this.#written.has(location),
    );
    const refs = written.flatMap(({ location, manifest }): (readonly [string, Digest])[] =>
      manifest ? [[this.#written.get(location) ?? '', manifest.digest]] : [],
    );
    for (const { reference, manifest } of outcome.imageRefs ?? []) refs.push([reference.tag ?? '', manifest.digest]);
    const signed: string[] = [];
    try {
      await Promise.all(
        refs.map(async ([tag, digest]) => {
          if (await signatures.sign(this.store, tag, digest, call))
            signed.push(formatReference(withTag(this.home, tag)));
        }),
      );
    } catch (error) {
      call.signal?.throwIfAborted();
      if (!ignoreError) throw error;
    }
    const unsigned = written.flatMap(({ location, manifest }) => (manifest ? [] : [location]));
    return { signed: signed.sort(), unsigned };
  }

  #target(tag: string): StoredCacheTarget {
    const { compression, ignoreError } = this.settings;
    const destination = sourceOf(withTag(this.home, tag));
    this.#written.set(destination.location, tag);
    return {
      destination,
      mode: 'max',
      ociMediaTypes: true,
      imageManifest: true,
      compression,
      forceCompression: false,
      ignoreError,
      // Its results may be older: without this, nobody could tell that the ref is new.
      annotations: { [writtenAtAnnotation]: new Date(this.settings.now()).toISOString() },
    };
  }
}

/** A ref as a cache; with a digest, exactly the one that was looked at, whatever its tag points at by then. */
export function sourceOf(reference: Reference, digest?: Digest): CacheSource {
  return {
    type: 'registry',
    reference: digest === undefined ? reference : withDigest(reference, digest),
    insecure: false,
    location: formatReference(reference),
  };
}

/** As {@link sourceOf}. What was signed is one manifest, whatever its tag points at by the time it is read. */
export function pinnedSource(
  reference: Reference,
  digest: Digest | undefined,
  { signatures }: Pick<StageRefSettings, 'signatures'>,
): CacheSource {
  return sourceOf(reference, signatures ? digest : undefined);
}
