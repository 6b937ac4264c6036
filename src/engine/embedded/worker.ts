import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LayerBlob, LayerStore, Sandbox, Snapshot } from '../../builder/contract';
import { runFileOperation } from '../../builder/fileops/run-file-operation';
import { LazyLayer, localLayer } from '../../builder/layers/lazy-layer';
import { layered, LayeredSnapshot } from '../../builder/snapshot';
import { uncompressedAnnotation } from '../../cache/contract';
import type { ExportableResult } from '../../cache/exportable-record';
import type { CallOptions } from '../../content/contract';
import { CodedError } from '../../diagnostics/coded-error';
import { unreachable } from '../../diagnostics/unreachable';
import { DirectoryTree } from '../../filetree/directory-tree';
import type { FileTree } from '../../filetree/contract';
import type { ExecOperation, Vertex } from '../../llb/operation';
import type { Descriptor } from '../../oci/descriptor';
import { isDigest, type Digest } from '../../oci/digest';
import type { ExecuteOptions, Remote, SolverResult, Worker } from '../../solver/contract';
import { stoppable } from '../../content/stoppable';
import type { CacheMounts } from './cache-mounts';
import { runExecStep } from './exec-step';
import { withCheckout } from './git-source';
import { localFiles, LocalTree } from './local-tree';
import { SourceWorker, type SourceWorkerOptions } from './source-worker';
import { baseInput } from './run-bases';
import type { SecretValues } from './secrets';
import type { SshAgents } from './ssh';
import { unpackTree } from '../../builder/exporters/unpack-tree';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A layer of a cache or an image does not say what it is uncompressed. */
    LAYER_WITHOUT_DIFF_ID: { readonly blob: Digest };
  }
}

export interface EmbeddedWorkerOptions extends SourceWorkerOptions {
  readonly store: LayerStore;
  /** Directory for what steps need only while they run. */
  readonly temporaryDirectory: string;
  /** Directories of the client by the name of their source. */
  readonly directories: ReadonlyMap<string, string>;
  readonly sandbox: () => Promise<Sandbox>;
  readonly secrets: SecretValues;
  readonly ssh: SshAgents;
  readonly cacheMounts: CacheMounts;
  /** Steps whose base a RUN step runs in, sooner or later. */
  readonly runBases: ReadonlySet<Digest>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly shmSizeBytes?: number;
  readonly sourceDateEpoch?: number;
}

/** Runs the operations of a build in this process; RUN steps in a sandbox. */
export class EmbeddedWorker extends SourceWorker implements Worker<SolverResult>, AsyncDisposable {
  readonly #options: EmbeddedWorkerOptions;
  readonly #downloads = new Map<string, number>();
  readonly #early = new Set<Promise<void>>();
  readonly #ending = stoppable();

  constructor(options: EmbeddedWorkerOptions) {
    super(options);
    this.#options = options;
  }

  /** Bytes that had to be downloaded, by the name of the vertex whose result they belong to. */
  get downloads(): ReadonlyMap<string, number> {
    return this.#downloads;
  }

  /** The file system that a record's result stands for; undefined if it has no layers or they are gone. */
  async snapshotOf(origin: ExportableResult<SolverResult>['origin']): Promise<Snapshot | undefined> {
    switch (origin.kind) {
      case 'result':
        return isSnapshot(origin.result) ? origin.result : undefined;
      case 'layers':
        return this.fromLayers(origin.diffIds);
      case 'remote':
        return this.fromRemote(origin.remote);
      default:
        return unreachable(origin);
    }
  }

  async execute(
    vertex: Vertex,
    inputs: readonly SolverResult[],
    options: ExecuteOptions,
  ): Promise<readonly SolverResult[]> {
    const { operation } = vertex;
    switch (operation.kind) {
      case 'image':
        return [this.#image(vertex)];
      case 'local':
        return [new LocalTree(vertex.digest, localFiles(operation, this.#options.directories))];
      case 'http':
        return [await this.#options.http.fetch(operation, options)];
      case 'git':
        return [await this.#checkout(vertex, options)];
      case 'file':
        return this.#runFile(operation, inputs, options);
      case 'exec':
        return [await this.#runExec(vertex, operation, inputs, options)];
      case 'merge':
        return [
          LayeredSnapshot.of((await this.#snapshots(inputs, options)).flatMap((snapshot) => [...snapshot.layers])),
        ];
      default:
        return unreachable(operation);
    }
  }

  fromRemote(remote: Remote, description = 'export'): Promise<Snapshot> {
    const layers = remote.descriptors.map((descriptor) =>
      this.#lazyLayer({ descriptor, provider: remote.provider }, diffIdOf(descriptor), description),
    );
    return Promise.resolve(LayeredSnapshot.of(layers));
  }

  async fromLayers(diffIds: readonly Digest[]): Promise<Snapshot | undefined> {
    const { store } = this.#options;
    const stored = await Promise.all(diffIds.map((diffId) => store.get(diffId)));
    const present = stored.filter((layer) => layer !== undefined);
    if (present.length < diffIds.length) return undefined;
    return LayeredSnapshot.of(present.map((layer) => localLayer(store, layer)));
  }

  async prepare(result: SolverResult, options: ExecuteOptions): Promise<void> {
    if (isSnapshot(result)) await Promise.all(result.layers.map((layer) => layer.load(options)));
  }

  /** Unpacks what a RUN step will run in while its layers are still being downloaded. */
  expect(vertex: Vertex, index: number, result: SolverResult): void {
    const { runBases, sandbox } = this.#options;
    const { signal } = this.#ending;
    if (!isSnapshot(result) || !runBases.has(vertex.digest) || baseInput(vertex) !== index || signal.aborted) return;
    const task: Promise<void> = sandbox()
      .then((opened) => opened.prepare?.(result, { signal }))
      // The step itself meets the same again, and tells.
      .catch(() => undefined)
      .finally(() => this.#early.delete(task));
    this.#early.add(task);
  }

  /** Ends what was begun early and is not needed any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.stop(new Error('the build is over'));
    await Promise.all(this.#early);
  }

  #image(vertex: Vertex): Snapshot {
    if (vertex.operation.kind !== 'image') throw new Error(`${vertex.name} is not an image`);
    const { config, layers, provider } = this.#options.images.byManifest(vertex.operation.manifest);
    return LayeredSnapshot.of(
      layers.map((descriptor, index) => {
        const diffId = config.rootfs.diff_ids[index] ?? diffIdOf(descriptor);
        const annotations = { ...descriptor.annotations, [uncompressedAnnotation]: diffId };
        return this.#lazyLayer({ descriptor: { ...descriptor, annotations }, provider }, diffId, vertex.name);
      }),
    );
  }

  async #checkout(vertex: Vertex, options: ExecuteOptions): Promise<Snapshot> {
    const { operation } = vertex;
    if (operation.kind !== 'git') throw new Error(`${vertex.name} is not a git repository`);
    const identity = await this.resolveGit(vertex, options);
    await mkdir(this.#options.temporaryDirectory, { recursive: true });
    return withCheckout(operation, { ...this.#options.git, ...options, identity }, (directory) =>
      this.#snapshotOf(new DirectoryTree(join(directory, operation.subdirectory ?? '')), options),
    );
  }

  async #runFile(
    operation: Extract<Vertex['operation'], { kind: 'file' }>,
    inputs: readonly SolverResult[],
    options: CallOptions,
  ): Promise<readonly Snapshot[]> {
    const { store, temporaryDirectory, now, sourceDateEpoch } = this.#options;
    return runFileOperation(operation, inputs, {
      store,
      scratchDirectory: temporaryDirectory,
      now,
      ...(options.signal && { signal: options.signal }),
      ...(sourceDateEpoch !== undefined && { sourceDateEpoch }),
    });
  }

  async #runExec(
    vertex: Vertex,
    operation: ExecOperation,
    inputs: readonly SolverResult[],
    options: ExecuteOptions,
  ): Promise<Snapshot> {
    const { store, secrets, ssh, cacheMounts, now, shmSizeBytes, sourceDateEpoch } = this.#options;
    const { root, layer } = await runExecStep(operation, inputs, {
      sandbox: await this.#options.sandbox(),
      secrets,
      ssh,
      cacheMounts,
      toSnapshot: (input) => this.#toSnapshot(input, options),
      unpackInto: async (snapshot, directory) => unpackTree(await snapshot.tree(options), directory, options),
      onOutput: (stream, data) => options.progress({ kind: 'log', vertex: vertex.digest, stream, data, time: now() }),
      ...(options.signal && { signal: options.signal }),
      ...(shmSizeBytes !== undefined && { shmSizeBytes }),
      ...(sourceDateEpoch !== undefined && { sourceDateEpoch }),
    });
    return layered(root).with(localLayer(store, layer));
  }

  #snapshots(inputs: readonly SolverResult[], options: CallOptions): Promise<readonly Snapshot[]> {
    return Promise.all(inputs.map((input) => this.#toSnapshot(input, options)));
  }

  async #toSnapshot(result: SolverResult, options: CallOptions): Promise<Snapshot> {
    return isSnapshot(result) ? result : this.#snapshotOf(await result.tree(options), options);
  }

  /** A tree as one layer, for what only reads layers. */
  async #snapshotOf(tree: FileTree, options: CallOptions): Promise<Snapshot> {
    const [snapshot] = await this.#runFile(
      {
        kind: 'file',
        actions: [
          {
            kind: 'copy',
            input: -1,
            secondaryInput: 0,
            output: 0,
            src: '/',
            dest: '/',
            mode: -1,
            followSymlink: false,
            dirCopyContents: true,
            attemptUnpackDockerCompatibility: false,
            createDestPath: true,
            allowWildcard: false,
            allowEmptyWildcard: false,
            alwaysReplaceExistingDestPaths: false,
            includePatterns: [],
            excludePatterns: [],
            requiredPaths: [],
            timestamp: -1n,
          },
        ],
      },
      [new LocalTree('copied', tree)],
      options,
    );
    if (!snapshot) throw new Error('copying a tree gave nothing');
    return snapshot;
  }

  #lazyLayer(blob: LayerBlob, diffId: Digest, vertexName: string): LazyLayer {
    const createdAt = blob.descriptor.annotations?.['buildkit/createdat'];
    return new LazyLayer({
      store: this.#options.store,
      diffId,
      blobs: [blob],
      ...(createdAt !== undefined && { createdAt }),
      onDownload: ({ descriptor }) =>
        this.#downloads.set(vertexName, (this.#downloads.get(vertexName) ?? 0) + descriptor.size),
    });
  }
}

function isSnapshot(result: SolverResult): result is Snapshot {
  return 'layers' in result;
}

function diffIdOf(descriptor: Descriptor): Digest {
  const diffId = descriptor.annotations?.[uncompressedAnnotation];
  if (isDigest(diffId)) return diffId;
  const { digest } = descriptor;
  throw new CodedError('LAYER_WITHOUT_DIFF_ID', `layer ${digest} has no annotation ${uncompressedAnnotation}`, {
    blob: digest,
  });
}
