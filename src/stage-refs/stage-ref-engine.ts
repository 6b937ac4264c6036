import type { CallOptions } from '../content/contract';
import '../solver/content-hash';
import { isCodedError } from '../diagnostics/coded-error';
import type { BuildOutcome, BuildRequest, Engine, EngineOptions } from '../engine/contract';
import { inVertex } from '../engine/embedded/progress-vertex';
import { formatFamiliar } from '../oci/reference';
import type { WarningEvent } from '../progress/event';
import type { StageRefReport, StageRefSettings } from './contract';
import { ProbeSession, type ProbeSettings } from './probe-session';
import { StageRefBuild } from './stage-ref-build';

export interface CachedBuildOutcome extends BuildOutcome {
  /** Undefined where stage refs could not be used. */
  readonly stageRefs?: StageRefReport;
}

type Probed =
  | { readonly kind: 'served'; readonly outcome: CachedBuildOutcome }
  | { readonly kind: 'planned' }
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * An engine behind stage refs: serves the image from the cache repository where it can, and else lets the inner engine
 * build with the stages that are there, and keep those that are not. Whatever goes wrong with finding out is one warning,
 * and the inner engine builds without refs.
 */
export class StageRefEngine implements Engine {
  constructor(
    private readonly inner: Engine,
    private readonly settings: StageRefSettings & ProbeSettings,
  ) {}

  get name(): Engine['name'] {
    return this.inner.name;
  }

  /** Rejects with what the inner engine does; a dry run, also with what keeps it from finding out. */
  async build(request: BuildRequest, options: EngineOptions): Promise<CachedBuildOutcome> {
    const call: CallOptions = options.signal ? { signal: options.signal } : {};
    const session = await ProbeSession.open(request, this.settings, call);
    try {
      const build = new StageRefBuild(session, this.settings, call);
      const found = await this.#probe(build, options);
      if (found.kind === 'served') return found.outcome;
      if (found.kind === 'planned') return await build.run(this.inner, options);
      const { error } = found;
      options.signal?.throwIfAborted();
      if (this.settings.dryRun || isCodedError(error, 'BUILD_INPUT_INVALID', 'BASE_IMAGE_UNRESOLVED')) throw error;
      // The engine meets it, too, and says which step it is about.
      if (isCodedError(error, 'CONTENT_NOT_FOUND', 'CONTENT_PATTERN_INVALID')) {
        return await this.inner.build(request, options);
      }
      return await this.#buildWithout(error, request, options);
    } finally {
      await session[Symbol.asyncDispose]();
    }
  }

  /** As one step of the progress, which does not fail: what is wrong is told once, by whoever it concerns. */
  #probe(build: StageRefBuild, { progress }: EngineOptions): Promise<Probed> {
    const { now, reads } = this.settings;
    return inVertex(`looking for stages in ${reads.map(formatFamiliar).join(' and ')}`, { progress, now }, async () => {
      try {
        const outcome = await build.probe();
        return outcome ? { kind: 'served', outcome } : { kind: 'planned' };
      } catch (error) {
        return { kind: 'failed', error };
      }
    });
  }

  async #buildWithout(cause: unknown, request: BuildRequest, options: EngineOptions): Promise<CachedBuildOutcome> {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const warning: WarningEvent = {
      kind: 'warning',
      code: 'STAGE_REFS_UNUSABLE',
      message: `stage refs cannot be used: ${reason}; the build goes on without them`,
    };
    options.progress(warning);
    const outcome = await this.inner.build(request, options);
    return { ...outcome, warnings: [warning, ...outcome.warnings] };
  }
}
