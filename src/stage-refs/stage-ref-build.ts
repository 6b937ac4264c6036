import { relative } from 'node:path';
import type { CallOptions, ContentStore } from '../content/contract';
import type { BuildRequest, CacheSource, StoredCacheTarget, Engine, EngineOptions, StageCache } from '../engine/contract';
import { targetPlatform } from '../engine/embedded/convert-build';
import type { Conversion } from '../llb/conversion';
import { childrenOf, parseManifest } from '../oci/manifest';
import { isLayer } from '../oci/media-types';
import { formatPlatform } from '../oci/platform';
import { formatReference } from '../oci/reference';
import type { MissCause, StageRefReport, StageRefSettings, StageReport } from './contract';
import { explainMiss } from './explain';
import { keyOf } from './field-hash';
import { findImage } from './find-image';
import { computeImageKey, isSameReads, settingsOf } from './image-key';
import { ImageProbe, type Served } from './image-probe';
import { readInputs, writeInputs } from './inputs-store';
import { markNeeded, planStages, type PlannedStage } from './plan-stages';
import type { ProbeSession, ProbeSettings } from './probe-session';
import { collectStageInputs, labelOf, stageKeyOf, type StageInputs } from './stage-inputs';
import type { CachedBuildOutcome } from './stage-ref-engine';
import { imageTag, inputsTag } from './stage-tags';

type EarlierInputs = Awaited<ReturnType<typeof readInputs>>;

/** The course of one build with stage refs: {@link probe} first, and {@link run} if that served nothing. */
export class StageRefBuild {
  readonly #store: ContentStore;
  readonly #probe: ImageProbe;
  #imageRef: NonNullable<BuildRequest['imageRef']> | undefined;
  #stages: readonly PlannedStage[] = [];
  #inputs: readonly StageInputs[] = [];
  #earlier: EarlierInputs | undefined;
  #report: StageRefReport = { outcome: 'built', stages: [] };

  constructor(
    private readonly session: ProbeSession,
    private readonly settings: StageRefSettings & ProbeSettings,
    private readonly call: CallOptions,
  ) {
    this.#store = session.registries.repository(settings.repository);
    this.#probe = new ImageProbe(session, settings, call);
  }

  /** Serves the image if no builder is needed for it; plans the build otherwise. A dry run is served by its plan. */
  async probe(): Promise<CachedBuildOutcome | undefined> {
    const { session, settings, call } = this;
    const { keys } = session;
    const quick = await computeImageKey(session.request, {
      ...call,
      input: session.input,
      keys,
      resolve: (reference) => session.resolveBase(reference, call),
    });
    const quickTag = quick && imageTag(quick.target, quick.key);
    const found = quickTag === undefined ? undefined : await this.#serve(quickTag);
    if (found?.kind === 'served') return this.#served(found);

    const conversion = await session.convert(call);
    const isQuickRight = quick !== undefined && (await isSameReads(conversion, quick.reads, keys));
    const tag = isQuickRight && quickTag !== undefined ? quickTag : await this.#realImageTag(conversion);
    const real = tag === quickTag ? found : await this.#serve(tag);
    if (real?.kind === 'served') return this.#served(real);
    if (this.#probe.isPossible || this.#hasImageOutput()) {
      const state = real?.kind === 'broken' ? 'broken' : 'missing';
      this.#imageRef = { reference: this.#probe.reference(tag), state };
    }
    const { repository } = settings;
    this.#stages = await planStages(conversion, { ...call, keys, store: this.#store, repository });
    const assembled = await this.#assemble(conversion, tag);
    if (assembled.kind === 'broken') await this.#checkTarget(conversion);
    await this.#explain(conversion);
    if (assembled.kind === 'served') {
      await this.#remember();
      return this.#served(assembled);
    }
    if (!settings.dryRun) return undefined;
    this.#report = { ...this.#report, outcome: 'dry-run' };
    return this.#outcome({ steps: [], cacheExports: [], warnings: [], metadata: {} });
  }

  /** Builds with what was found, and keeps what was not. */
  async run(engine: Engine, options: EngineOptions): Promise<CachedBuildOutcome> {
    const { request } = this.session;
    const { write, scopes } = this.settings;
    const outcome = await engine.build(
      {
        ...request,
        cacheFrom: [...request.cacheFrom, ...this.#stageSources(), ...scopes],
        ...(write && { stageCaches: this.#stageCaches() }),
        ...(write && this.#imageRef && { imageRef: this.#imageRef }),
      },
      options,
    );
    if (write) await this.#remember();
    return this.#outcome(outcome);
  }

  #serve(tag: string): Promise<Served> | { readonly kind: 'missing' } {
    this.#report = { ...this.#report, imageRef: formatReference(this.#probe.reference(tag)) };
    return this.#probe.isPossible ? this.#probe.serve(tag) : { kind: 'missing' };
  }

  /** For images whose base brings triggers or variables that decide what is copied. */
  async #realImageTag(conversion: Conversion): Promise<string> {
    const { target } = conversion;
    if (!target) throw new Error('a conversion without errors has a target');
    const key = keyOf('built-image', {
      ...settingsOf(this.session.request),
      stage: await stageKeyOf(target, this.session.keys),
      config: JSON.stringify(target.image),
    });
    return imageTag(labelOf(target), key);
  }

  #hasImageOutput(): boolean {
    const { outputs, platforms } = this.session.request;
    return platforms.length <= 1 && outputs.some(({ type }) => type === 'image');
  }

  /** From the target's own ref, or from the caches that the user named, or from those of scopes. */
  async #assemble(conversion: Conversion, tag: string): Promise<Served> {
    const target = this.#targetStage(conversion);
    const own = target?.state === 'present' ? this.#sourceOf(target) : [];
    const caches = [...own, ...this.session.request.cacheFrom, ...this.settings.scopes];
    if (!this.#probe.isPossible || this.settings.dryRun || caches.length === 0) return { kind: 'missing' };
    return this.#probe.assemble(conversion, caches, tag);
  }

  #targetStage(conversion: Conversion): PlannedStage | undefined {
    return this.#stages.find(({ stage }) => stage.index === conversion.target?.index);
  }

  /** Whether it is the target's own ref that has lost something. */
  async #checkTarget(conversion: Conversion): Promise<void> {
    const target = this.#targetStage(conversion);
    if (target?.state !== 'present') return;
    const found = await findImage(this.#store, target.reference.tag ?? '', { verify: 'blobs', ...this.call });
    if (found.kind === 'found') return;
    const stages = this.#stages.map((each) => (each === target ? { ...each, state: 'broken' as const } : each));
    this.#stages = markNeeded(stages, conversion);
  }

  async #explain(conversion: Conversion): Promise<void> {
    const { dockerfile } = this.session.input;
    const declared = [...dockerfile.metaArgs, ...dockerfile.stages.flatMap(({ instructions }) => instructions)];
    const argumentNames = new Set([
      ...Object.keys(this.session.request.buildArgs),
      ...declared.flatMap((each) => (each.kind === 'ARG' ? each.args.map(({ key }) => key) : [])),
    ]);
    const { keys } = this.session;
    const options = { dockerfile, conversion, keys, argumentNames };
    this.#inputs = await Promise.all(this.#stages.map(({ stage }) => collectStageInputs(stage, options)));
    this.#earlier = await readInputs(this.#store, this.#inputsTag(), this.call);
    const { builds } = this.#earlier;
    const stages = await Promise.all(
      this.#stages.map(async (planned, index): Promise<StageReport> => {
        const { label, stage, key, state, needed } = planned;
        const inputs = this.#inputs[index];
        const causes = inputs ? causesOf(planned, inputs, builds) : [];
        const bytes = this.settings.dryRun && needed && state === 'present' ? await this.#bytesOf(planned) : undefined;
        return {
          stage: label,
          index: stage.index,
          key,
          ...(state !== 'unneeded' && { ref: formatReference(planned.reference) }),
          state,
          needed,
          ...(bytes !== undefined && { bytes }),
          causes,
        };
      }),
    );
    this.#report = { ...this.#report, stages };
  }

  /** Bytes of the layers that a ref lists. */
  async #bytesOf({ reference }: PlannedStage): Promise<number | undefined> {
    const stored = await this.#store.getManifest(reference.tag ?? '', this.call);
    const layers = stored ? childrenOf(parseManifest(stored.bytes)).filter(({ mediaType }) => isLayer(mediaType)) : [];
    return stored && layers.reduce((sum, { size }) => sum + size, 0);
  }

  /** One place per Dockerfile, target and platform: what is compared has to be of the same making. */
  #inputsTag(): string {
    const { request } = this.session;
    const lineage = keyOf('lineage', {
      dockerfile: relative(request.context, request.dockerfile.path).replaceAll('\\', '/'),
      target: request.target?.toLowerCase(),
      platform: formatPlatform(targetPlatform(request)),
    });
    return inputsTag(lineage);
  }

  /** It only explains later misses, so nothing fails for it. */
  async #remember(): Promise<void> {
    if (!this.settings.write || this.#earlier === undefined) return;
    const earlier = this.#earlier.layers;
    try {
      await writeInputs(this.#store, this.#inputsTag(), { ...this.call, stages: this.#inputs, earlier });
    } catch {
      this.call.signal?.throwIfAborted();
    }
  }

  #stageSources(): readonly CacheSource[] {
    return this.#stages
      .filter(({ needed, state }) => needed && state === 'present')
      .flatMap((planned) => this.#sourceOf(planned));
  }

  #sourceOf({ reference }: PlannedStage): readonly CacheSource[] {
    return [{ type: 'registry', reference, insecure: false, location: formatReference(reference) }];
  }

  #stageCaches(): readonly StageCache[] {
    return this.#stages.flatMap((planned): StageCache[] => {
      const { state, stage } = planned;
      if (state === 'unneeded') return [];
      return [{ stage: stage.index, target: this.#targetOf(planned), state: state === 'present' ? 'exists' : state }];
    });
  }

  #targetOf({ reference }: PlannedStage): StoredCacheTarget {
    const { compression, ignoreError } = this.settings;
    return {
      destination: { type: 'registry', reference, insecure: false, location: formatReference(reference) },
      mode: 'max',
      ociMediaTypes: true,
      imageManifest: true,
      compression,
      forceCompression: false,
      ignoreError,
    };
  }

  #served({ how, outcome }: Extract<Served, { readonly kind: 'served' }>): CachedBuildOutcome {
    this.#report = { ...this.#report, outcome: this.settings.dryRun ? 'dry-run' : 'hit', served: how };
    return this.#outcome({ ...outcome, steps: [], cacheExports: [], warnings: [], metadata: {} });
  }

  #outcome(outcome: CachedBuildOutcome): CachedBuildOutcome {
    return { ...outcome, stageRefs: this.#report };
  }
}

function causesOf(
  { state }: PlannedStage,
  inputs: StageInputs,
  builds: readonly (readonly StageInputs[])[],
): readonly MissCause[] {
  if (state === 'broken') return [{ kind: 'blob-gone' }];
  return state === 'missing' ? explainMiss(inputs, builds) : [];
}
