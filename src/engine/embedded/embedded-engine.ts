import { mkdir } from 'node:fs/promises';
import type { RecordSource } from '../../cache/contract';
import { LocalState } from '../../cache/local-state';
import type { CallOptions } from '../../content/contract';
import { DirectoryStore } from '../../content/directory-store';
import type { Conversion } from '../../llb/conversion';
import type { Edge } from '../../llb/operation';
import type { Platform } from '../../oci/platform';
import { formatReference } from '../../oci/reference';
import type { ProgressSink, WarningEvent } from '../../progress/event';
import type { SolverResult } from '../../solver/contract';
import { solve, type SolveOutcome } from '../../solver/solve';
import { FileLayerStore } from '../../builder/layers/layer-store';
import type { Layer } from '../../builder/contract';
import type { BuildOutcome, BuildRequest, CacheSource, Engine, EngineOptions } from '../contract';
import { BaseImages } from './base-images';
import { failOnErrors, layoutStore, type BuildInput } from './build-input';
import { importCaches } from './cache-imports';
import { CacheMounts } from './cache-mounts';
import { readCheckedInput } from './check-input';
import { convertBuild, targetPlatforms } from './convert-build';
import { deliver, type PlatformBuild } from './deliver';
import { refuseForeignRuns } from './foreign-runs';
import { HttpSources } from './http-source';
import { inVertex } from './progress-vertex';
import { RegistryStores } from './registry-stores';
import { runBases } from './run-bases';
import { SecretValues } from './secrets';
import { SshAgents } from './ssh';
import { cachedStages, type PlatformConversion } from './stage-caches';
import { stateLayout } from './state-layout';
import { stepReports } from './step-reports';
import { EmbeddedWorker } from './worker';
import type { Sandbox } from '../../builder/contract';

export interface EmbeddedEngineSettings {
  /** Absolute directory of the engine's state; made if need be. */
  readonly stateDirectory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Whether exported records get links to other builds' ways to the same content; default false. */
  readonly linkEquivalents?: boolean;
  /** Made when the first RUN step needs it. */
  readonly createSandbox: (directory: string, store: FileLayerStore) => Promise<Sandbox & AsyncDisposable>;
}

/** The built-in builder: everything in this process, RUN steps in a sandbox, no daemon. */
export class EmbeddedEngine implements Engine {
  readonly name = 'embedded';

  constructor(private readonly settings: EmbeddedEngineSettings) {}

  async build(request: BuildRequest, options: EngineOptions): Promise<BuildOutcome> {
    const build = new EmbeddedBuild(this.settings, request, options);
    try {
      return await build.run();
    } finally {
      await build.dispose();
    }
  }
}

type Conversions = readonly [PlatformConversion, ...PlatformConversion[]];

class EmbeddedBuild {
  readonly #warnings: WarningEvent[] = [];
  readonly #disposables: AsyncDisposable[] = [];
  readonly #call: CallOptions;
  readonly #progress: ProgressSink;

  constructor(
    private readonly settings: EmbeddedEngineSettings,
    private readonly request: BuildRequest,
    private readonly options: EngineOptions,
  ) {
    this.#call = options.signal ? { signal: options.signal } : {};
    this.#progress = (event) => {
      if (event.kind === 'warning') this.#warnings.push(event);
      options.progress(event);
    };
  }

  async dispose(): Promise<void> {
    // One by one: a sandbox that is just being started is added while the worker, which waits for it, ends.
    for (let last = this.#disposables.pop(); last; last = this.#disposables.pop()) await last[Symbol.asyncDispose]();
  }

  async run(): Promise<BuildOutcome> {
    const { request, settings } = this;
    const { env, now } = settings;
    const state = stateLayout(settings.stateDirectory);
    const input = await readCheckedInput(request);
    const secrets = await SecretValues.read(request.secrets, env);
    await mkdir(state.temporary, { recursive: true });
    const registries = this.#own(await RegistryStores.open({ ...settings, insecure: request.insecureRegistries }));
    const storeOf = (source: CacheSource) =>
      source.type === 'registry' ? registries.repository(source.reference) : new DirectoryStore(source.directory);
    const images = new BaseImages({
      repository: (reference) => layoutStore(input, reference) ?? registries.repository(reference),
      kept: new DirectoryStore(state.images),
      ...(this.options.bases && { known: this.options.bases }),
    });
    const conversions = await this.#convertAll(input, images);
    const [{ conversion }] = conversions;
    const roots = conversions.flatMap((each) => each.conversion.root ?? []);
    await refuseForeignRuns(roots);
    const imports = await importCaches(request.cacheFrom, {
      ...this.#call,
      store: storeOf,
      progress: this.#progress,
      now,
    });
    const localState = new LocalState(state.records);
    const store = new FileLayerStore({ directory: state.layers, now });
    const ssh = this.#own(new SshAgents(request.ssh, env));
    const http = this.#own(
      new HttpSources({
        transport: registries.transport,
        store,
        temporaryDirectory: state.temporary,
        ...(this.options.downloads && { downloads: this.options.downloads }),
      }),
    );
    const worker = this.#own(
      new EmbeddedWorker({
        store,
        temporaryDirectory: state.temporary,
        images,
        directories: input.directories,
        sandbox: once(async () => this.#own(await settings.createSandbox(state.sandbox, store))),
        secrets,
        ssh,
        cacheMounts: new CacheMounts(state.cacheMounts),
        runBases: runBases(roots),
        http,
        git: { temporaryDirectory: state.temporary, env },
        now,
        ...(request.shmSizeBytes !== undefined && { shmSizeBytes: request.shmSizeBytes }),
        ...(conversion.sourceDateEpoch !== undefined && { sourceDateEpoch: conversion.sourceDateEpoch }),
      }),
    );
    const sources = [await localState.load(this.#call), ...imports.sources];
    const solved = await this.#solve(roots, { conversions, worker, sources });
    await localState.save(solved.records, {
      ...this.#call,
      now: now(),
      listDiffIds: (result) => diffIdsOf(result),
    });
    const delivered = await deliver({
      ...this.#call,
      request,
      builds: platformBuilds(conversions, solved),
      solved,
      worker,
      registries,
      state,
      storeOf,
      present: imports.present,
      env,
      progress: this.#progress,
      now,
    });
    return {
      ...delivered,
      steps: stepReports(solved.steps, worker.downloads),
      warnings: this.#warnings,
      metadata: {},
    };
  }

  async #convertAll(input: BuildInput, images: BaseImages): Promise<Conversions> {
    const [first, ...rest] = targetPlatforms(this.request);
    if (first === undefined) throw new Error('a build is for at least one platform');
    const convert = async (platform: Platform): Promise<PlatformConversion> => ({
      platform,
      conversion: await this.#convert(input, images, platform),
    });
    const conversions: Conversions = [await convert(first), ...(await Promise.all(rest.map(convert)))];
    const told = new Set<string>();
    for (const { code, message: text, hint, location } of [
      ...input.diagnostics,
      ...conversions.flatMap(({ conversion }) => conversion.diagnostics),
    ]) {
      const message = location?.line === undefined ? text : `line ${location.line}: ${text}`;
      // What is wrong for one platform mostly is for all.
      if (told.has(`${code} ${message}`)) continue;
      told.add(`${code} ${message}`);
      this.#progress({ kind: 'warning', code, message, ...(hint !== undefined && { hint }) });
    }
    return conversions;
  }

  async #convert(input: BuildInput, images: BaseImages, platform: Platform): Promise<Conversion> {
    const conversion = await convertBuild(this.request, input, {
      ...this.#call,
      platform,
      resolveImage: (reference, platform, call) =>
        inVertex(
          `[internal] load metadata for ${formatReference(reference)}`,
          { progress: this.#progress, now: this.settings.now },
          () => images.resolve(reference, platform, call),
        ),
    });
    failOnErrors(conversion.diagnostics);
    return conversion;
  }

  #solve(
    roots: readonly Edge[],
    options: {
      readonly conversions: Conversions;
      readonly worker: EmbeddedWorker;
      readonly sources: readonly RecordSource[];
    },
  ): Promise<SolveOutcome<SolverResult>> {
    const { conversions, worker, sources } = options;
    if (roots.length === 0) return Promise.resolve({ results: [], records: [], observed: [], steps: [] });
    return solve(roots, {
      ...this.#call,
      worker,
      sources,
      progress: this.#progress,
      now: this.settings.now,
      observed: cachedStages(this.request, conversions).map(({ edge }) => edge),
      ...(this.settings.linkEquivalents !== undefined && { linkEquivalents: this.settings.linkEquivalents }),
    });
  }

  #own<T extends AsyncDisposable>(disposable: T): T {
    this.#disposables.push(disposable);
    return disposable;
  }
}

/** Results come in the order of the conversions that have a root. */
function platformBuilds(conversions: Conversions, solved: SolveOutcome<SolverResult>): readonly PlatformBuild[] {
  let index = 0;
  return conversions.map(({ platform, conversion }) => {
    if (!conversion.root) return { platform, conversion, records: [] };
    const result = solved.results[index];
    const record = solved.records[index];
    index++;
    return { platform, conversion, records: record ? [record] : [], ...(result !== undefined && { result }) };
  });
}

function diffIdsOf(result: SolverResult) {
  return 'layers' in result ? (result.layers as readonly Layer[]).map(({ diffId }) => diffId) : undefined;
}

/** Runs `make` on the first call and gives everyone its promise. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
