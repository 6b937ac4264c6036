import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ContentStore } from '../../src/content/contract';
import { createEngine } from '../../src/engine/create-engine';
import { RegistryStores } from '../../src/engine/embedded/registry-stores';
import { runBuild } from '../../src/executors/docker-build/run-build';
import { parseImageIndex, parseImageManifest, type ImageIndex } from '../../src/oci/manifest';
import { isIndex } from '../../src/oci/media-types';
import { parseImageConfig } from '../../src/oci/parse-image-config';
import { formatPlatform } from '../../src/oci/platform';
import { parseReference } from '../../src/oci/reference';
import { startRegistryServer, type RegistryServer } from '../../src/registry-server/server';
import { removeTree } from '../../src/testing/remove-tree';
import type { DockerBuildOptions } from '../../src/workspace/docker-build-options';
import type { DockerEnvironment } from './docker-env';

type DockerConnection = Pick<DockerEnvironment, 'env' | 'builder'>;

export type EngineName = 'embedded' | 'buildkit';

export interface Built {
  readonly success: boolean;
  readonly output: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly workspace: string;
}

export interface Sources {
  readonly dockerfile: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Of an earlier build; a new one by default. */
  readonly workspace?: string;
  readonly signal?: AbortSignal;
  /** What is printed, as it comes. */
  readonly onOutput?: (text: string) => void;
}

export interface PushedImage {
  readonly platform: string;
  readonly config: unknown;
  readonly layers: readonly string[];
  readonly annotations: unknown;
}

/** Builds by either engine, each in a workspace of its own, as the executor runs them, and what they push. */
export class EngineRig implements AsyncDisposable {
  #builds = 0;

  private constructor(
    readonly root: string,
    private readonly registry: RegistryServer,
    private readonly stores: RegistryStores,
    readonly docker: DockerEnvironment | string,
  ) {}

  static async open(findDocker: () => Promise<DockerEnvironment | string>): Promise<EngineRig> {
    const root = await mkdtemp(join(tmpdir(), 'nxrc-engines-'));
    const registry = await startRegistryServer({ root: join(root, 'registry') });
    const stores = await RegistryStores.open({ env: {}, homeDirectory: root, insecure: [], now: Date.now });
    return new EngineRig(root, registry, stores, await findDocker());
  }

  /** Whether the test at hand has to be left out; then it is told so, with the reason. */
  skips(t: { readonly skip: (reason: string) => void }): boolean {
    if (typeof this.docker !== 'string') return false;
    t.skip(`no BuildKit: ${this.docker}`);
    return true;
  }

  async build(engine: EngineName, sources: Sources, options: DockerBuildOptions): Promise<Built> {
    if (typeof this.docker === 'string' && engine === 'buildkit') throw new Error(this.docker);
    const docker: DockerConnection = typeof this.docker === 'string' ? { env: process.env } : this.docker;
    const workspace = sources.workspace ?? join(this.root, `workspace-${this.#builds++}`);
    const files = { Dockerfile: sources.dockerfile, ...sources.files };
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(workspace, name)), { recursive: true });
      await writeFile(join(workspace, name), text);
    }
    const { env: dockerEnv, builder } = docker;
    const env = { ...dockerEnv, ...sources.env };
    let output = '';
    const { success } = await runBuild(
      {
        engine,
        ...(engine === 'buildkit' && builder !== undefined && { builder }),
        metadataFile: 'metadata.json',
        ...options,
      },
      {
        workspaceRoot: workspace,
        projectName: 'app',
        projectRoot: '.',
        env,
        homeDirectory: workspace,
        hostPlatform: { os: 'linux', architecture: 'amd64' },
      },
      {
        write: (text) => {
          output += text;
          sources.onOutput?.(text);
        },
        now: Date.now,
        isTerminal: false,
        terminalSize: () => ({ columns: 80, rows: 24 }),
        isVerbose: false,
        signal: sources.signal ?? new AbortController().signal,
        createEngine: (plan) =>
          createEngine({
            choice: plan.engine,
            env,
            stateDirectory: join(workspace, '.state'),
            ...(plan.builder !== undefined && { builder: plan.builder }),
          }),
      },
    );
    const text = await readFile(join(workspace, 'metadata.json'), 'utf8').catch(() => '{}');
    return { success, output, workspace, metadata: JSON.parse(text) as Built['metadata'] };
  }

  /** `localhost:5000` */
  get host(): string {
    return `localhost:${this.registry.port}`;
  }

  /** The tag that an engine pushes a case to. */
  tagOf(name: string, engine: EngineName): string {
    return `${this.host}/${name}:${engine}`;
  }

  /** @param name without the host, such as `acme/api` */
  store(name: string): ContentStore {
    return this.stores.repository(parseReference(`127.0.0.1:${this.registry.port}/${name}`));
  }

  /** The index under `name:tag`, undefined if it is an image of its own. */
  async pushedIndex(name: string): Promise<ImageIndex | undefined> {
    const top = await this.store(name).getManifest(parseReference(name).tag ?? 'latest');
    assert.ok(top, `${name} was not pushed`);
    return isIndex(top.descriptor.mediaType) ? parseImageIndex(top.bytes) : undefined;
  }

  /** What an image is, for each of its platforms, without the times of its history. */
  async pushed(name: string): Promise<readonly PushedImage[]> {
    const store = this.store(name);
    const index = await this.pushedIndex(name);
    const references = index?.manifests.map(({ digest }) => digest) ?? [parseReference(name).tag ?? 'latest'];
    return Promise.all(
      references.map(async (reference) => {
        const stored = await store.getManifest(reference);
        assert.ok(stored);
        const manifest = parseImageManifest(stored.bytes);
        const chunks: Buffer[] = [];
        for await (const chunk of await store.open(manifest.config)) chunks.push(chunk as Buffer);
        const config = parseImageConfig(Buffer.concat(chunks));
        return {
          platform: formatPlatform(config),
          config: config.config,
          layers: config.rootfs.diff_ids,
          annotations: manifest.annotations,
        };
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (typeof this.docker !== 'string') await this.docker.close();
    await this.stores[Symbol.asyncDispose]();
    await this.registry.close();
    await removeTree(this.root);
  }
}
