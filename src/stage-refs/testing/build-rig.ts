import { chmod, mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type { BuildRequest, EngineOptions } from '../../engine/contract';
import { EmbeddedEngine } from '../../engine/embedded/embedded-engine';
import { requestOf } from '../../engine/testing/build-request';
import type { ContainerConfig } from '../../oci/image-config';
import type { Descriptor } from '../../oci/descriptor';
import { digestOf, type Digest } from '../../oci/digest';
import { serializeManifest } from '../../oci/manifest';
import { mediaTypes } from '../../oci/media-types';
import { parseReference, type Reference } from '../../oci/reference';
import { FakeRegistry, fakeCredentials } from '../../testing/fake-registry';
import { TemporaryDirectory } from '../../testing/temporary-directory';
import type { StageRefSettings } from '../contract';
import { StageRefEngine, type CachedBuildOutcome } from '../stage-ref-engine';

const epochMs = Date.UTC(2026, 0, 2);
const platform = { os: 'linux', architecture: 'amd64' };

export interface BuildOptions {
  /** A machine of its own: own state, same context. Default `a`. */
  readonly machine?: string;
  readonly request?: Partial<BuildRequest>;
  readonly settings?: Partial<StageRefSettings>;
  readonly signal?: AbortSignal;
  /** Done when it is known that something has to be built, and before it is. */
  readonly beforeEngine?: () => Promise<unknown>;
}

/** Builds in a directory with the embedded engine behind stage refs, against a real registry that asks for tokens. */
export class BuildRig implements AsyncDisposable {
  readonly warnings: string[] = [];
  /** How often the inner engine was asked to build. */
  engineBuilds = 0;
  /** Milliseconds since the epoch; goes on by a second with each build. */
  nowMs = epochMs;

  private constructor(
    readonly registry: FakeRegistry,
    private readonly directory: TemporaryDirectory,
  ) {}

  static async start(): Promise<BuildRig> {
    const rig = new BuildRig(await FakeRegistry.start({ auth: 'bearer' }), await TemporaryDirectory.create());
    const auth = Buffer.from(`${fakeCredentials.username}:${fakeCredentials.password}`).toString('base64');
    await mkdir(join(rig.directory.path, 'docker'));
    const config = { auths: { [rig.registry.host]: { auth } } };
    await writeFile(join(rig.directory.path, 'docker/config.json'), JSON.stringify(config));
    await mkdir(rig.context);
    return rig;
  }

  get context(): string {
    return join(this.directory.path, 'context');
  }

  /** Writes files below the context; undefined removes one. */
  async write(files: Readonly<Record<string, string | undefined>>, mode = 0o644): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      const target = join(this.context, path);
      await rm(target, { force: true });
      if (text === undefined) continue;
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, text);
      await chmod(target, mode);
    }
  }

  async touch(path: string, time: Date): Promise<void> {
    await utimes(join(this.context, path), time, time);
  }

  /** Puts a base image of one layer into the registry and gives its digest. */
  async pushBase(tag: string, config: ContainerConfig = {}): Promise<Digest> {
    const store = this.registry.repository('acme/base');
    const tar = Buffer.alloc(1024);
    const layerBytes = gzipSync(tar);
    const layer = describe(layerBytes, mediaTypes.ociLayerGzip);
    const configBytes = Buffer.from(
      JSON.stringify({ ...platform, config, rootfs: { type: 'layers', diff_ids: [digestOf(tar)] } }),
    );
    const configDescriptor = describe(configBytes, mediaTypes.ociConfig);
    await store.put(layer, () => Promise.resolve(Readable.from([layerBytes])));
    await store.put(configDescriptor, () => Promise.resolve(Readable.from([configBytes])));
    const mediaType = mediaTypes.ociManifest;
    const bytes = serializeManifest({ kind: 'manifest', mediaType, config: configDescriptor, layers: [layer] });
    return (await store.putManifest({ mediaType, bytes }, { tag })).digest;
  }

  /** As a Dockerfile names it. */
  base(tag: string): string {
    return `${this.registry.host}/acme/base:${tag}`;
  }

  /** A repository, or with a tag a ref in it. */
  place(repository = 'acme/cache', tag?: string): Reference {
    return parseReference(`${this.registry.host}/${repository}${tag === undefined ? '' : `:${tag}`}`);
  }

  /** Builds and pushes to `acme/app:latest`, with refs in `acme/cache`. The requests of this build alone stay logged. */
  async build(dockerfile: string, options: BuildOptions = {}): Promise<CachedBuildOutcome> {
    const { beforeEngine, machine = 'a', settings = {}, request = {}, signal } = options;
    this.nowMs += 1000;
    const startedMs = this.nowMs;
    const environment = {
      env: { DOCKER_CONFIG: join(this.directory.path, 'docker') },
      homeDirectory: this.directory.path,
      stateDirectory: join(this.directory.path, `state-${machine}`),
      now: () => startedMs,
    };
    const inner = new EmbeddedEngine({
      ...environment,
      createSandbox: () => Promise.reject(new Error('this test runs no commands')),
    });
    const engine = new StageRefEngine(
      {
        name: inner.name,
        build: async (...args) => {
          this.engineBuilds++;
          await beforeEngine?.();
          return inner.build(...args);
        },
      },
      {
        ...environment,
        reads: [this.place()],
        writes: this.place(),
        scopes: [],
        exportScope: undefined,
        signatures: undefined,
        isTrusted: true,
        verify: 'manifest',
        dryRun: false,
        compression: { type: 'gzip' },
        ignoreError: false,
        ...settings,
      },
    );
    const engineOptions: EngineOptions = {
      progress: (event) => {
        if (event.kind === 'warning') this.warnings.push(`${event.code}: ${event.message}`);
      },
      ...(signal && { signal }),
    };
    this.registry.clearLog();
    this.engineBuilds = 0;
    return engine.build(this.request(dockerfile, request), engineOptions);
  }

  request(dockerfile: string, changes: Partial<BuildRequest> = {}): BuildRequest {
    return requestOf({
      context: this.context,
      dockerfile: { path: join(this.context, 'Dockerfile'), text: dockerfile },
      platforms: [platform],
      tags: [parseReference(`${this.registry.host}/acme/app:latest`)],
      outputs: [{ type: 'image', push: true, ociMediaTypes: true }],
      ...changes,
    });
  }

  /** Requests since the build began, without those for tokens and the ones that were told to get one. */
  requests(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { kind, headers } of this.registry.log) {
      if (kind === 'token' || headers.authorization === undefined) continue;
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    return counts;
  }

  async tags(repository = 'acme/cache'): Promise<readonly string[]> {
    const tags: string[] = [];
    for await (const tag of this.registry.repository(repository).tags()) tags.push(tag);
    return tags.sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
    await this.directory[Symbol.asyncDispose]();
  }
}

function describe(bytes: Buffer, mediaType: string): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}
