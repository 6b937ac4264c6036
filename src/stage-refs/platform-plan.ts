import type { CallOptions } from '../content/contract';
import type { BuildRequest, CacheSource } from '../engine/contract';
import type { Conversion } from '../llb/conversion';
import { childrenOf, parseManifest } from '../oci/manifest';
import { isLayer } from '../oci/media-types';
import { formatPlatform, type Platform } from '../oci/platform';
import { formatReference } from '../oci/reference';
import { BuildMemory, type RememberedBuild } from './build-memory';
import type { MissCause, StageRefSettings, StageReport } from './contract';
import { explainMiss } from './explain';
import { keyOf } from './field-hash';
import { findImage } from './find-image';
import type { RefPlace } from './find-ref';
import { computeImageKey, isSameReads, settingsOf, type ImageKey } from './image-key';
import { markNeeded, planStages, type PlannedStage } from './plan-stages';
import type { ProbeSession, ProbeSettings } from './probe-session';
import { pinnedSource } from './ref-writing';
import { collectStageInputs, labelOf, stageKeyOf, type StageInputs } from './stage-inputs';
import { imageTag } from './stage-tags';

export interface PlatformPlanOptions {
  readonly session: ProbeSession;
  readonly settings: StageRefSettings & ProbeSettings;
  readonly places: readonly RefPlace[];
  readonly call: CallOptions;
}

/** What is found out about the build of one platform: the tag of its image, and its stages with their refs. */
export class PlatformPlan {
  readonly #request: BuildRequest;
  readonly #memory: BuildMemory;
  #quick: ImageKey | undefined;
  #conversion: Promise<Conversion> | undefined;
  #stages: readonly PlannedStage[] = [];
  #inputs: readonly StageInputs[] = [];
  #listing: RememberedBuild | undefined;
  #reports: readonly StageReport[] = [];

  constructor(
    readonly platform: Platform,
    private readonly options: PlatformPlanOptions,
  ) {
    this.#request = { ...options.session.request, platforms: [platform] };
    this.#memory = new BuildMemory(this.#request, options.places, options.settings.writes);
  }

  /** Empty before {@link planStages}. */
  get stages(): readonly PlannedStage[] {
    return this.#stages;
  }

  get reports(): readonly StageReport[] {
    return this.#reports;
  }

  /** The real graph, made once. Fails like the build would. */
  conversion(): Promise<Conversion> {
    const { session, call } = this.options;
    this.#conversion ??= session.convert(this.platform, call);
    return this.#conversion;
  }

  /** The tag of the image as far as it can be told without base images; undefined where it cannot. */
  async quickTag(): Promise<string | undefined> {
    const { session, call } = this.options;
    this.#quick = await computeImageKey(this.#request, {
      ...call,
      input: session.input,
      keys: session.keys,
      resolve: (reference) => session.resolveBase(reference, call),
    });
    return this.#quick && imageTag(this.#quick.target, this.#quick.key);
  }

  /** The tag that the image is kept under, in the light of its base images. */
  async imageTag(): Promise<string> {
    const { keys } = this.options.session;
    const conversion = await this.conversion();
    const quick = this.#quick;
    if (quick !== undefined && (await isSameReads(conversion, quick.reads, keys))) {
      return imageTag(quick.target, quick.key);
    }
    // For images whose base brings triggers or variables that decide what is copied.
    const { target } = conversion;
    if (!target) throw new Error('a conversion without errors has a target');
    const key = keyOf('built-image', {
      ...settingsOf(this.#request),
      stage: await stageKeyOf(target, keys),
      config: JSON.stringify(target.image),
    });
    return imageTag(labelOf(target), key);
  }

  /** Computes the stages' keys and looks for their refs. */
  async planStages(): Promise<void> {
    const { session, settings, places, call } = this.options;
    const { reads, signatures, writes } = settings;
    const home = writes ?? reads[0];
    const conversion = await this.conversion();
    this.#stages = await planStages(conversion, { ...call, keys: session.keys, places, home, signatures });
  }

  /** Of the stage that is built, where its ref is there. */
  async targetSources(): Promise<readonly CacheSource[]> {
    const target = await this.#targetStage();
    return target?.state === 'present' ? [this.#sourceOf(target)] : [];
  }

  /** The caches of stages that a build needs. */
  stageSources(): readonly CacheSource[] {
    const needed = this.#stages.filter((stage) => stage.needed && stage.state === 'present');
    return needed.map((planned) => this.#sourceOf(planned));
  }

  /** Finds out whether it is the target's own ref that has lost something. */
  async checkTarget(): Promise<void> {
    const target = await this.#targetStage();
    if (target?.state !== 'present') return;
    const { session, call } = this.options;
    const store = session.registries.repository(target.reference);
    const found = await findImage(store, target.reference.tag ?? '', { verify: 'blobs', ...call });
    if (found.kind === 'found') return;
    const stages = this.#stages.map((each) => (each === target ? { ...each, state: 'broken' as const } : each));
    this.#stages = markNeeded(stages, await this.conversion());
  }

  /** Says of each stage why it is not there, against earlier builds. */
  async explain(): Promise<void> {
    const { session, settings } = this.options;
    const { dockerfile } = session.input;
    const declared = [...dockerfile.metaArgs, ...dockerfile.stages.flatMap(({ instructions }) => instructions)];
    const argumentNames = new Set([
      ...Object.keys(this.#request.buildArgs),
      ...declared.flatMap((each) => (each.kind === 'ARG' ? each.args.map(({ key }) => key) : [])),
    ]);
    const options = { dockerfile, conversion: await this.conversion(), keys: session.keys, argumentNames };
    this.#inputs = await Promise.all(this.#stages.map(({ stage }) => collectStageInputs(stage, options)));
    const builds = await this.#memory.builds(this.options.call);
    const isOneOfSeveral = session.request.platforms.length > 1;
    this.#reports = await Promise.all(
      this.#stages.map(async (planned, index): Promise<StageReport> => {
        const { label, stage, key, state, needed } = planned;
        const inputs = this.#inputs[index];
        const causes = inputs ? causesOf(planned, inputs, builds) : [];
        const bytes = settings.dryRun && needed && state === 'present' ? await this.#bytesOf(planned) : undefined;
        return {
          stage: label,
          index: stage.index,
          ...(isOneOfSeveral && { platform: formatPlatform(this.platform) }),
          key,
          ...(state !== 'unneeded' && { ref: formatReference(planned.reference) }),
          state,
          needed,
          ...(bytes !== undefined && { bytes }),
          causes,
        };
      }),
    );
  }

  /** Lists the build, before it writes anything. */
  async remember(image: string | undefined): Promise<void> {
    const { settings, call } = this.options;
    const scope = settings.exportScope?.tag;
    this.#listing = {
      stages: this.#inputs,
      createdAtMs: settings.now(),
      ...(image !== undefined && { image }),
      ...(scope !== undefined && { scope }),
    };
    await this.#memory.remember(this.#listing, call);
  }

  /** Lists it again if that was lost meanwhile. */
  async confirm(): Promise<void> {
    if (this.#listing) await this.#memory.confirm(this.#listing, this.options.call);
  }

  async #targetStage(): Promise<PlannedStage | undefined> {
    const { target } = await this.conversion();
    return this.#stages.find(({ stage }) => stage.index === target?.index);
  }

  #sourceOf({ digest, reference }: PlannedStage): CacheSource {
    return pinnedSource(reference, digest, this.options.settings);
  }

  /** Bytes of the layers that a ref lists. */
  async #bytesOf({ reference }: PlannedStage): Promise<number | undefined> {
    const { session, call } = this.options;
    const stored = await session.registries.repository(reference).getManifest(reference.tag ?? '', call);
    const layers = stored ? childrenOf(parseManifest(stored.bytes)).filter(({ mediaType }) => isLayer(mediaType)) : [];
    return stored && layers.reduce((sum, { size }) => sum + size, 0);
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
