import type { CallOptions } from '../content/contract';
import type { BuildRequest, CacheSource, Engine, EngineOptions } from '../engine/contract';
import type { Conversion } from '../llb/conversion';
import type { Digest } from '../oci/digest';
import { childrenOf, parseManifest } from '../oci/manifest';
import { isLayer } from '../oci/media-types';
import { formatReference, type Reference } from '../oci/reference';
import { BuildMemory, type RememberedBuild } from './build-memory';
import type { MissCause, StageRefReport, StageRefSettings, StageReport } from './contract';
import { explainMiss } from './explain';
import { keyOf } from './field-hash';
import { findImage } from './find-image';
import { findRef, type RefPlace } from './find-ref';
import { computeImageKey, isSameReads, settingsOf } from './image-key';
import { ImageProbe, type Served } from './image-probe';
import { markNeeded, planStages, type PlannedStage } from './plan-stages';
import type { ProbeSession, ProbeSettings } from './probe-session';
import { RefWriting, sourceOf } from './ref-writing';
import { collectStageInputs, labelOf, stageKeyOf, type StageInputs } from './stage-inputs';
import type { CachedBuildOutcome } from './stage-ref-engine';
import { imageTag } from './stage-tags';

/** The course of one build with stage refs: {@link probe} first, and {@link run} if that served nothing. */
export class StageRefBuild {
  readonly #places: readonly RefPlace[];
  readonly #writing: RefWriting | undefined;
  readonly #memory: BuildMemory;
  readonly #probe: ImageProbe;
  #imageRef: NonNullable<BuildRequest['imageRef']> | undefined;
  #stages: readonly PlannedStage[] = [];
  #inputs: readonly StageInputs[] = [];
  #scopeSources: Promise<readonly CacheSource[]> | undefined;
  #report: StageRefReport = { outcome: 'built', stages: [] };

  constructor(
    private readonly session: ProbeSession,
    private readonly settings: StageRefSettings & ProbeSettings,
    private readonly call: CallOptions,
  ) {
    const { reads, writes } = settings;
    this.#places = reads.map((reference) => ({ reference, store: session.registries.repository(reference) }));
    this.#writing = writes && new RefWriting(writes, session.registries.repository(writes), settings);
    this.#memory = new BuildMemory(session.request, this.#places, writes);
    this.#probe = new ImageProbe(session, settings, this.#places, call);
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
      const state = real === undefined || real.kind === 'missing' ? 'missing' : 'broken';
      this.#imageRef = { reference: this.#probe.reference(tag), state, ignoreError: settings.ignoreError };
    }
    const { signatures, reads, writes } = settings;
    const home = writes ?? reads[0];
    this.#stages = await planStages(conversion, { ...call, keys, places: this.#places, home, signatures });
    const assembled = await this.#assemble(conversion, tag);
    if (assembled.kind === 'broken') await this.#checkTarget(conversion);
    await this.#explain(conversion);
    if (assembled.kind === 'served') {
      await this.#memory.remember(this.#listing(), this.call);
      return this.#served(assembled);
    }
    if (!settings.dryRun) return undefined;
    this.#report = { ...this.#report, outcome: 'dry-run' };
    return this.#outcome({ steps: [], cacheExports: [], warnings: [], metadata: {} });
  }

  /** Builds with what was found, and keeps what was not. */
  async run(engine: Engine, options: EngineOptions): Promise<CachedBuildOutcome> {
    const { request } = this.session;
    const writing = this.#writing;
    const listing = this.#listing();
    await this.#memory.remember(listing, this.call);
    const outcome = await engine.build(
      {
        ...request,
        cacheFrom: [...request.cacheFrom, ...this.#stageSources(), ...(await this.#scopes())],
        ...(writing && {
          cacheTo: [...request.cacheTo, ...writing.scopeTargets()],
          stageCaches: writing.stageCaches(this.#stages),
          ...(this.#imageRef && { imageRef: this.#imageRef }),
        }),
      },
      options,
    );
    await writing?.sign(outcome, this.#imageRef?.reference, this.call);
    await this.#memory.confirm(listing, this.call);
    return this.#outcome(outcome);
  }

  async #serve(tag: string): Promise<Served> {
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
    if (!this.#probe.isPossible || this.settings.dryRun) return { kind: 'missing' };
    const scopes = own.length === 0 ? await this.#scopes() : [];
    const caches = [...own, ...this.session.request.cacheFrom, ...scopes];
    if (caches.length === 0) return { kind: 'missing' };
    return this.#probe.assemble(conversion, caches, tag);
  }

  #targetStage(conversion: Conversion): PlannedStage | undefined {
    return this.#stages.find(({ stage }) => stage.index === conversion.target?.index);
  }

  /** Whether it is the target's own ref that has lost something. */
  async #checkTarget(conversion: Conversion): Promise<void> {
    const target = this.#targetStage(conversion);
    if (target?.state !== 'present') return;
    const store = this.session.registries.repository(target.reference);
    const found = await findImage(store, target.reference.tag ?? '', { verify: 'blobs', ...this.call });
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
    const builds = await this.#memory.builds(this.call);
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
    const store = this.session.registries.repository(reference);
    const stored = await store.getManifest(reference.tag ?? '', this.call);
    const layers = stored ? childrenOf(parseManifest(stored.bytes)).filter(({ mediaType }) => isLayer(mediaType)) : [];
    return stored && layers.reduce((sum, { size }) => sum + size, 0);
  }

  #listing(): RememberedBuild {
    const image = this.#imageRef?.reference.tag;
    const scope = this.settings.exportScope?.tag;
    return {
      stages: this.#inputs,
      createdAtMs: this.settings.now(),
      ...(image !== undefined && { image }),
      ...(scope !== undefined && { scope }),
    };
  }

  #stageSources(): readonly CacheSource[] {
    return this.#stages
      .filter(({ needed, state }) => needed && state === 'present')
      .flatMap((planned) => this.#sourceOf(planned));
  }

  #sourceOf({ digest, reference }: PlannedStage): readonly CacheSource[] {
    return [this.#pinned(reference, digest)];
  }

  /** What was signed is one manifest, whatever its tag points at by the time it is read. */
  #pinned(reference: Reference, digest: Digest | undefined): CacheSource {
    return sourceOf(reference, this.settings.signatures ? digest : undefined);
  }

  /** The scopes that are there; asked for once, and only when stage refs do not do. */
  #scopes(): Promise<readonly CacheSource[]> {
    this.#scopeSources ??= this.#findScopes();
    return this.#scopeSources;
  }

  async #findScopes(): Promise<readonly CacheSource[]> {
    const { scopes, signatures } = this.settings;
    const found = await Promise.all(
      scopes.map(async (reference): Promise<readonly CacheSource[]> => {
        const place = { reference, store: this.session.registries.repository(reference) };
        try {
          const ref = await findRef([place], reference.tag ?? '', { verify: 'none', signatures, ...this.call });
          return ref.kind === 'found' ? [this.#pinned(reference, ref.descriptor.digest)] : [];
        } catch {
          this.call.signal?.throwIfAborted();
          return [];
        }
      }),
    );
    return found.flat();
  }

  #served({ how, outcome, reference }: Extract<Served, { readonly kind: 'served' }>): CachedBuildOutcome {
    this.#report = {
      ...this.#report,
      outcome: this.settings.dryRun ? 'dry-run' : 'hit',
      served: how,
      ...(reference && { imageRef: formatReference(reference) }),
    };
    return this.#outcome({ ...outcome, steps: [], cacheExports: [], warnings: [], metadata: {} });
  }

  #outcome(outcome: CachedBuildOutcome): CachedBuildOutcome {
    return { ...outcome, stageRefs: this.#report };
  }
}

function causesOf(
  { isUnsigned, state }: PlannedStage,
  inputs: StageInputs,
  builds: readonly (readonly StageInputs[])[],
): readonly MissCause[] {
  if (isUnsigned) return [{ kind: 'unsigned' }];
  if (state === 'broken') return [{ kind: 'blob-gone' }];
  return state === 'missing' ? explainMiss(inputs, builds) : [];
}
