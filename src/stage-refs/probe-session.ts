import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileLayerStore } from '../builder/layers/layer-store';
import type { CallOptions, ContentStore } from '../content/contract';
import { DirectoryStore } from '../content/directory-store';
import { CodedError } from '../diagnostics/coded-error';
import type { BuildRequest, CacheSource, Downloads } from '../engine/contract';
import { BaseImages } from '../engine/embedded/base-images';
import { failOnErrors, layoutStore, type BuildInput } from '../engine/embedded/build-input';
import { readCheckedInput } from '../engine/embedded/check-input';
import { convertBuild } from '../engine/embedded/convert-build';
import { HttpSources } from '../engine/embedded/http-source';
import { RegistryStores } from '../engine/embedded/registry-stores';
import { stateLayout } from '../engine/embedded/state-layout';
import type { Conversion } from '../llb/conversion';
import type { Digest } from '../oci/digest';
import type { Platform } from '../oci/platform';
import { formatReference, type Reference } from '../oci/reference';
import { ProbeWorker } from './probe-worker';
import { VertexKeys } from './vertex-keys';

export interface ProbeSettings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  /** Absolute; manifests and configs of base images are kept there. */
  readonly stateDirectory: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What finding out about one build takes: its checked input, connections to registries, and keys. */
export class ProbeSession implements AsyncDisposable {
  readonly #asked = new Map<string, Promise<Digest>>();

  private constructor(
    readonly request: BuildRequest,
    readonly input: BuildInput,
    readonly registries: RegistryStores,
    readonly images: BaseImages,
    readonly worker: ProbeWorker,
    readonly keys: VertexKeys,
    readonly downloads: Downloads,
    /** What base images' references stand for, as far as it was asked. */
    readonly bases: Map<string, Digest>,
    private readonly disposables: readonly (() => Promise<void>)[],
  ) {}

  /** Rejects with `BUILD_INPUT_INVALID` where the request cannot be built. */
  static async open(request: BuildRequest, settings: ProbeSettings, options: CallOptions): Promise<ProbeSession> {
    const { env } = settings;
    const input = await readCheckedInput(request);
    const temporary = await mkdtemp(join(tmpdir(), 'nxrc-probe-'));
    const registries = await RegistryStores.open({ ...settings, insecure: request.insecureRegistries });
    const state = stateLayout(settings.stateDirectory);
    const bases = new Map<string, Digest>();
    const images = new BaseImages({
      known: bases,
      repository: (reference) => layoutStore(input, reference) ?? registries.repository(reference),
      kept: new DirectoryStore(state.images),
    });
    const store = new FileLayerStore({ directory: state.layers, now: settings.now });
    const downloads: Downloads = new Map();
    const { transport } = registries;
    const http = new HttpSources({ transport, store, temporaryDirectory: temporary, downloads });
    const { directories } = input;
    const git = { temporaryDirectory: temporary, env };
    const worker = new ProbeWorker({ directories, images, http, git });
    const keys = new VertexKeys({ worker, directories, ...options });
    return new ProbeSession(request, input, registries, images, worker, keys, downloads, bases, [
      () => http[Symbol.asyncDispose](),
      () => registries[Symbol.asyncDispose](),
      () => rm(temporary, { recursive: true, force: true }),
    ]);
  }

  storeOf(source: CacheSource): ContentStore {
    return source.type === 'registry'
      ? this.registries.repository(source.reference)
      : new DirectoryStore(source.directory);
  }

  /** What a base image's reference stands for now, asked once; asks nobody where it names a digest. */
  resolveBase(reference: Reference, options: CallOptions): Promise<Digest> {
    if (reference.digest !== undefined) return Promise.resolve(reference.digest);
    const name = formatReference(reference);
    const asked = this.#asked.get(name) ?? this.#askForBase(reference, options);
    this.#asked.set(name, asked);
    return asked;
  }

  async #askForBase(reference: Reference, options: CallOptions): Promise<Digest> {
    const store = layoutStore(this.input, reference) ?? this.registries.repository(reference);
    const found = await store.resolve(reference.tag ?? 'latest', options);
    const name = formatReference(reference);
    if (found) {
      this.bases.set(name, found.digest);
      return found.digest;
    }
    throw new CodedError('BASE_IMAGE_MISSING', `cannot use base image ${name}: the registry does not have it`, {
      reference: name,
    });
  }

  /** The real graph of a platform, base images read. Fails like the build would. */
  async convert(platform: Platform, options: CallOptions): Promise<Conversion> {
    const conversion = await convertBuild(this.request, this.input, {
      ...options,
      platform,
      resolveImage: (reference, wanted, call) => this.images.resolve(reference, wanted, call),
    });
    failOnErrors(conversion.diagnostics);
    return conversion;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const dispose of this.disposables) await dispose();
  }
}
