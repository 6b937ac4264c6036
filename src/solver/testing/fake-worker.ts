import type { FileTree } from '../../filetree/contract';
import { MemoryTree } from '../../filetree/memory-tree';
import { cleanPath, joinPaths } from '../../filetree/paths';
import { readAll } from '../../filetree/read-file';
import { resolvePath } from '../../filetree/resolve-path';
import type { CopyAction, FileOperation, Vertex } from '../../llb/operation';
import { digestOf, type Digest } from '../../oci/digest';
import type { ExecuteOptions, Remote, Worker } from '../contract';
import { imageDiffId, type FakeResult, type FakeWorld } from './fake-world';

export interface FakeWorkerOptions {
  /** The build context. */
  readonly context?: FileTree;
  /** What a RUN does, by its command line; without it, it notes the command line in `/log`. */
  readonly scripts?: Readonly<Record<string, (tree: MemoryTree) => Promise<void> | void>>;
  /** Whether the layers of other workers of the same world are on this machine. Default false. */
  readonly sharesDisk?: boolean;
  /** Called while a step runs. */
  readonly onExecute?: (vertex: Vertex, options: ExecuteOptions) => Promise<void> | void;
  /** Fails for layers that are in the registry, but cannot be read. */
  readonly unreadable?: ReadonlySet<Digest>;
}

const MAX_FILE_BYTES = 64 * 1024;

/** A builder in memory: real copies, and RUN steps that are functions. Notes what it was asked to do. */
export class FakeWorker implements Worker<FakeResult> {
  readonly executed: string[] = [];
  /** What {@link expect} and {@link execute} were told, in order. */
  readonly told: string[] = [];
  readonly #local = new Set<string>();

  constructor(
    private readonly world: FakeWorld,
    private readonly options: FakeWorkerOptions = {},
  ) {}

  async execute(
    vertex: Vertex,
    inputs: readonly FakeResult[],
    options: ExecuteOptions,
  ): Promise<readonly FakeResult[]> {
    options.signal?.throwIfAborted();
    this.executed.push(shortName(vertex));
    this.told.push(`execute ${shortName(vertex)}`);
    await this.options.onExecute?.(vertex, options);
    const result = await this.#result(vertex, inputs);
    this.#local.add(result.id);
    return [result];
  }

  expect(vertex: Vertex, index: number, result: FakeResult): void {
    const where = this.#local.has(result.id) ? 'here' : 'elsewhere';
    this.told.push(`expect ${shortName(vertex)} on ${index}, ${where}`);
  }

  fromRemote(remote: Remote): Promise<FakeResult> {
    const diffIds = remote.descriptors.map(
      ({ annotations = {} }) => annotations['containerd.io/uncompressed'] as Digest,
    );
    return Promise.resolve(this.world.resultOf(diffIds));
  }

  fromLayers(diffIds: readonly Digest[]): Promise<FakeResult | undefined> {
    const result = this.world.resultOf(diffIds);
    const isHere = this.#local.has(result.id) || this.options.sharesDisk === true;
    return Promise.resolve(isHere ? result : undefined);
  }

  prepare(result: FakeResult): Promise<void> {
    const broken = result.diffIds.find((diffId) => this.options.unreadable?.has(diffId));
    if (broken !== undefined) return Promise.reject(new Error(`${broken} is corrupt`));
    this.#local.add(result.id);
    return Promise.resolve();
  }

  imageDiffIds(vertex: Vertex): Promise<readonly Digest[]> {
    const { operation } = vertex;
    return Promise.resolve(operation.kind === 'image' ? [imageDiffId(operation.reference.repository)] : []);
  }

  async #result(vertex: Vertex, inputs: readonly FakeResult[]): Promise<FakeResult> {
    const { operation } = vertex;
    switch (operation.kind) {
      case 'image': {
        const tree = new MemoryTree().file('etc/passwd', 'root:x:0:0::/:/bin/sh\n');
        return this.world.stack([], `image ${operation.reference.repository}`, tree);
      }
      case 'local':
        return this.world.stack([], `context ${String(Math.random())}`, this.options.context ?? new MemoryTree());
      case 'exec': {
        const [root] = inputs;
        const tree = await clone(await root?.tree());
        const command = operation.args.at(-1) ?? '';
        const script = this.options.scripts?.[command];
        if (script) await script(tree);
        else tree.file('log', command);
        return this.world.stack(root?.diffIds ?? [], await fingerprint(tree), tree);
      }
      case 'file':
        return this.#fileResult(operation, inputs);
      case 'merge': {
        const tree = new MemoryTree();
        for (const input of inputs) await copyInto(tree, '', await input.tree(), '');
        return this.world.stack(inputs.flatMap(({ diffIds }) => diffIds).slice(0, -1), await fingerprint(tree), tree);
      }
      default:
        throw new Error(`no ${operation.kind} here`);
    }
  }

  async #fileResult(operation: FileOperation, inputs: readonly FakeResult[]): Promise<FakeResult> {
    const base = inputs[operation.actions[0]?.input ?? -1];
    const tree = await clone(await base?.tree());
    for (const action of operation.actions) {
      if (action.kind === 'copy') await copyAction(tree, action, await inputs[action.secondaryInput]?.tree());
      else if (action.kind === 'mkfile') tree.file(action.path, action.data);
      else if (action.kind === 'mkdir') {
        const user = action.owner?.user;
        tree.directory(action.path, { mode: action.mode, uid: user && 'id' in user ? user.id : 0 });
      }
    }
    return this.world.stack(base?.diffIds ?? [], await fingerprint(tree), tree);
  }
}

function shortName({ name }: Vertex): string {
  return name.replace(/^\[[^\]]*\] /, '');
}

async function copyAction(tree: MemoryTree, action: CopyAction, source: FileTree | undefined): Promise<void> {
  const from = await resolvePath(source ?? new MemoryTree(), cleanPath(action.src));
  const entry = await source?.lookup(from);
  if (source === undefined || entry === undefined) return;
  const name = from.slice(from.lastIndexOf('/') + 1);
  const isInto = action.dest.endsWith('/') && entry.type !== 'directory';
  await copyInto(tree, isInto ? joinPaths(cleanPath(action.dest), name) : cleanPath(action.dest), source, from);
}

async function copyInto(tree: MemoryTree, path: string, source: FileTree, from: string): Promise<void> {
  const entry = await source.lookup(from);
  if (entry?.type === 'file') tree.file(path, (await readAll(await source.open(from), MAX_FILE_BYTES)) ?? '');
  if (entry?.type === 'symlink') tree.symlink(path, entry.linkTarget ?? '');
  if (entry?.type !== 'directory') return;
  tree.directory(path);
  for (const name of await source.list(from))
    await copyInto(tree, joinPaths(path, name), source, joinPaths(from, name));
}

async function clone(tree: FileTree | undefined): Promise<MemoryTree> {
  const copy = new MemoryTree();
  if (tree) await copyInto(copy, '', tree, '');
  return copy;
}

/** Says what is in a tree, so that equal trees are equal layers. */
async function fingerprint(tree: FileTree, path = ''): Promise<string> {
  const entry = await tree.lookup(path);
  if (entry?.type === 'symlink') return digestOf(entry.linkTarget ?? '');
  if (entry?.type !== 'directory') return digestOf((await readAll(await tree.open(path), MAX_FILE_BYTES)) ?? '');
  const names = await tree.list(path);
  const parts = await Promise.all(
    names.map(async (name) => `${name}=${await fingerprint(tree, joinPaths(path, name))}`),
  );
  return digestOf(parts.join());
}
