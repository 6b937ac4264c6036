import type { CallOptions } from '../content/contract';
import type { BuildOutcome, CacheSource, Engine, EngineOptions, ImageRef } from '../engine/contract';
import { targetPlatforms } from '../engine/embedded/convert-build';
import type { Digest } from '../oci/digest';
import { formatPlatform } from '../oci/platform';
import { formatReference } from '../oci/reference';
import type { StageRefReport, StageRefSettings } from './contract';
import type { RefPlace } from './find-ref';
import { ImageProbe, type CachedImage, type ProbedImage, type Served } from './image-probe';
import { PlatformPlan } from './platform-plan';
import type { ProbeSession, ProbeSettings } from './probe-session';
import { RefWriting } from './ref-writing';
import { findScopes } from './scope-sources';
import type { CachedBuildOutcome } from './stage-ref-engine';

/** What is known of the image of one platform. */
interface PlatformState {
  readonly plan: PlatformPlan;
  /** Undefined where it cannot be told yet. */
  tag: string | undefined;
  image: ProbedImage;
}

/** The course of one build with stage refs: {@link probe} first, and {@link run} if that served nothing. */
export class StageRefBuild {
  readonly #writing: RefWriting | undefined;
  readonly #probe: ImageProbe;
  readonly #platforms: readonly PlatformState[];
  #scopeSources: Promise<readonly CacheSource[]> | undefined;

  constructor(
    private readonly session: ProbeSession,
    private readonly settings: StageRefSettings & ProbeSettings,
    private readonly call: CallOptions,
  ) {
    const { reads, writes } = settings;
    const { registries, request } = session;
    const places = reads.map((reference): RefPlace => ({ reference, store: registries.repository(reference) }));
    this.#writing = writes && new RefWriting(writes, registries.repository(writes), settings);
    this.#probe = new ImageProbe(session, settings, places, call);
    this.#platforms = targetPlatforms(request).map((platform) => ({
      plan: new PlatformPlan(platform, { session, settings, places, call }),
      tag: undefined,
      image: { kind: 'missing' },
    }));
  }

  /** Serves the image if no builder is needed for it; plans the build otherwise. A dry run is served by its plan. */
  async probe(): Promise<CachedBuildOutcome | undefined> {
    await this.#each(async (state) => {
      const tag = await state.plan.quickTag();
      if (tag !== undefined) await this.#look(state, tag);
    });
    const found = await this.#serve();
    if (found.kind === 'served') return this.#served(found);

    const open = this.#platforms.filter(({ image }) => image.kind !== 'found');
    await this.#each(async (state) => {
      const tag = await state.plan.imageTag();
      if (tag !== state.tag) await this.#look(state, tag);
    }, open);
    const again = await this.#serve();
    if (again.kind === 'served') return this.#served(again);

    await this.#each(({ plan }) => plan.planStages());
    await this.#each((state) => this.#assemble(state), open);
    const assembled = await this.#serve();
    await this.#each(({ plan }) => plan.explain());
    if (assembled.kind === 'served') {
      await this.#remember();
      return this.#served(assembled);
    }
    if (!this.settings.dryRun) return undefined;
    return this.#outcome({ steps: [], cacheExports: [], warnings: [], metadata: {} }, { outcome: 'dry-run' });
  }

  /** Builds with what was found, and keeps what was not. */
  async run(engine: Engine, options: EngineOptions): Promise<CachedBuildOutcome> {
    const { request } = this.session;
    const writing = this.#writing;
    const plans = this.#platforms.map(({ plan }) => plan);
    await this.#remember();
    const stages = uniqueSources(plans.flatMap((plan) => plan.stageSources()));
    const outcome = await engine.build(
      {
        ...request,
        cacheFrom: [...request.cacheFrom, ...stages, ...(await this.#scopes())],
        ...(writing && {
          cacheTo: [...request.cacheTo, ...writing.scopeTargets()],
          stageCaches: writing.stageCaches(plans),
          imageRefs: this.#missingImages(),
        }),
      },
      { ...options, downloads: this.session.downloads, bases: this.session.bases },
    );
    const signatures = await writing?.sign(outcome, this.call);
    const image = await this.#adopt(outcome);
    await this.#each(({ plan }) => plan.confirm());
    return this.#outcome({ ...outcome, ...image }, { outcome: 'built', ...(signatures && { signatures }) });
  }

  /**
   * The images that the cache has by now, if they are others than those that were built: somebody built the same at the same
   * time and was first. The tags are pointed at those, so that all go on from one digest. If that fails, the build's own
   * stay.
   */
  async #adopt({ image }: BuildOutcome): Promise<Pick<BuildOutcome, 'image' | 'config'> | undefined> {
    if (!this.#writing || !this.#probe.isPossible) return undefined;
    try {
      this.#probe.forgetTags();
      await this.#each(async (state) => {
        if (state.image.kind !== 'found' && state.tag !== undefined) await this.#look(state, state.tag);
      });
      const served = await this.#serve({ unless: image?.digest });
      return served.kind === 'served' ? served.outcome : undefined;
    } catch {
      this.call.signal?.throwIfAborted();
      return undefined;
    }
  }

  async #look(state: PlatformState, tag: string): Promise<void> {
    state.tag = tag;
    state.image = this.#probe.isPossible ? await this.#probe.find(tag) : { kind: 'missing' };
  }

  /** If the images of all platforms are there. */
  async #serve({ unless }: { readonly unless?: Digest | undefined } = {}): Promise<Served> {
    const images = this.#platforms.flatMap(
      ({ image, plan }): { image: CachedImage; platform: typeof plan.platform }[] =>
        image.kind === 'found' ? [{ image, platform: plan.platform }] : [],
    );
    if (images.length < this.#platforms.length) return { kind: 'missing' };
    if (unless !== undefined && this.#probe.descriptorOf(images)?.digest === unless) return { kind: 'missing' };
    const served = await this.#probe.serve(images);
    // Which one has lost something, nobody knows.
    if (served.kind === 'broken') for (const state of this.#platforms) state.image = { kind: 'broken' };
    return served;
  }

  /** From the target's own ref, or from the caches that the user named, or from those of scopes. */
  async #assemble(state: PlatformState): Promise<void> {
    const { plan, tag } = state;
    if (!this.#probe.isPossible || this.settings.dryRun || tag === undefined) return;
    const own = await plan.targetSources();
    const scopes = own.length === 0 ? await this.#scopes() : [];
    const caches = [...own, ...this.session.request.cacheFrom, ...scopes];
    if (caches.length === 0) return;
    const image = await this.#probe.assemble(await plan.conversion(), caches, tag);
    if (image.kind === 'broken') await plan.checkTarget();
    // What stood under the tag and was no good stays known as such.
    if (image.kind === 'found') state.image = image;
  }

  /** The names that the images of this build are to get in the cache. */
  #missingImages(): readonly ImageRef[] {
    if (!this.session.request.outputs.some(({ type }) => type === 'image')) return [];
    return this.#platforms.flatMap(({ image, plan, tag }): ImageRef[] => {
      if (image.kind === 'found' || tag === undefined) return [];
      return [
        {
          reference: this.#probe.reference(tag),
          platform: plan.platform,
          state: image.kind === 'missing' ? 'missing' : 'broken',
          ignoreError: this.settings.ignoreError,
        },
      ];
    });
  }

  /** The scopes that are there; asked for once, and only when stage refs do not do. */
  #scopes(): Promise<readonly CacheSource[]> {
    this.#scopeSources ??= findScopes(this.session, this.settings, this.call);
    return this.#scopeSources;
  }

  async #remember(): Promise<void> {
    const hasImage = this.session.request.outputs.some(({ type }) => type === 'image');
    await this.#each(({ plan, tag }) => plan.remember(hasImage ? tag : undefined));
  }

  async #each(
    task: (state: PlatformState) => Promise<void>,
    states: readonly PlatformState[] = this.#platforms,
  ): Promise<void> {
    await Promise.all(states.map(task));
  }

  #served({ how, outcome }: Extract<Served, { readonly kind: 'served' }>): CachedBuildOutcome {
    return this.#outcome(
      { ...outcome, steps: [], cacheExports: [], warnings: [], metadata: {} },
      { outcome: this.settings.dryRun ? 'dry-run' : 'hit', served: how },
    );
  }

  #outcome(
    outcome: CachedBuildOutcome,
    report: Pick<StageRefReport, 'outcome' | 'served' | 'signatures'>,
  ): CachedBuildOutcome {
    const stages = this.#platforms.flatMap(({ plan }) => plan.reports);
    const images = this.#platforms.flatMap(({ image, plan, tag }) => {
      if (tag === undefined) return [];
      const reference = image.kind === 'found' ? image.fromReference : this.#probe.reference(tag);
      return [[formatPlatform(plan.platform), formatReference(reference)] as const];
    });
    const [only] = images;
    const isOne = this.#platforms.length === 1;
    return {
      ...outcome,
      stageRefs: {
        ...report,
        trusted: this.settings.isTrusted,
        ...(isOne ? only && { imageRef: only[1] } : { imageRefs: Object.fromEntries(images) }),
        stages,
      },
    };
  }
}

/** What several platforms have in common is read once. */
function uniqueSources(sources: readonly CacheSource[]): readonly CacheSource[] {
  return [...new Map(sources.map((source) => [source.location, source])).values()];
}
