import type { CallOptions } from '../../content/contract';
import type { FileTree } from '../../filetree/contract';
import type { FileAction, FileOperation, FileOwner } from '../../llb/operation';
import type { SolverResult } from '../../solver/contract';
import type { LayerStore, Snapshot } from '../contract';
import { localLayer } from '../layers/lazy-layer';
import { layered, LayeredSnapshot } from '../snapshot';
import { diffTrees } from '../tree/diff-trees';
import { emptyRoot, type FileNode } from '../tree/file-node';
import { NodeTree } from '../tree/node-tree';
import { copy } from './copy-action';
import { mkdir, mkfile, rm } from './make-actions';
import { resolveOwner } from './owner';
import { ArchiveUnpacker } from './archive-unpacker';
import { WorkTree } from './work-tree';

const nanosecondsPerMillisecond = 1_000_000n;
const nanosecondsPerSecond = 1_000_000_000n;

export interface FileOperationOptions extends CallOptions {
  readonly store: LayerStore;
  /** Directory for archives while they are unpacked; made if need be. */
  readonly scratchDirectory: string;
  /** Milliseconds since the epoch; time of what is made, and of the layer. */
  readonly now: () => number;
  /** Seconds since the epoch; modification times above it are lowered to it. */
  readonly sourceDateEpoch?: number;
}

/** Something that actions read from: an operation's input, or what an earlier action made. */
interface State {
  readonly snapshot: LayeredSnapshot;
  readonly root: FileNode;
}

/**
 * Runs the actions of a file operation on trees in memory and writes one layer per output: what differs from the input
 * that the output grew out of, which may be nothing. Only inputs that actions build upon have to be snapshots; what is
 * only read may be any tree, such as a build context.
 *
 * @returns the results of outputs 0, 1, …
 */
export async function runFileOperation(
  operation: FileOperation,
  inputs: readonly SolverResult[],
  options: FileOperationOptions,
): Promise<readonly Snapshot[]> {
  const run = new FileOperationRun(operation.actions, inputs, options);
  try {
    return await run.outputs();
  } finally {
    await run.dispose();
  }
}

class FileOperationRun {
  readonly #actions: readonly FileAction[];
  readonly #inputs: readonly SolverResult[];
  readonly #options: FileOperationOptions;
  readonly #states = new Map<number, Promise<State>>();
  readonly #nowNs: bigint;
  readonly #unpacker: ArchiveUnpacker;

  constructor(actions: readonly FileAction[], inputs: readonly SolverResult[], options: FileOperationOptions) {
    this.#actions = actions;
    this.#inputs = inputs;
    this.#options = options;
    this.#nowNs = BigInt(Math.floor(options.now())) * nanosecondsPerMillisecond;
    this.#unpacker = new ArchiveUnpacker(options.scratchDirectory);
  }

  dispose(): Promise<void> {
    return this.#unpacker.dispose();
  }

  async outputs(): Promise<readonly Snapshot[]> {
    const byOutput = new Map<number, number>();
    for (const [index, { output }] of this.#actions.entries()) {
      if (output >= 0) byOutput.set(output, this.#inputs.length + index);
    }
    const results: Snapshot[] = [];
    for (let output = 0; output < byOutput.size; output++) {
      const index = byOutput.get(output);
      if (index === undefined) throw new Error(`file operation without output ${output}`);
      results.push(await this.#commit(await this.#state(index)));
    }
    return results;
  }

  async #commit({ snapshot, root }: State): Promise<Snapshot> {
    const { store, sourceDateEpoch, signal } = this.#options;
    const changes = diffTrees(await snapshot.root(this.#options), root, {
      ...(sourceDateEpoch !== undefined && { maxMtimeNs: BigInt(sourceDateEpoch) * nanosecondsPerSecond }),
    });
    const layer = await store.write(changes, { ...(signal && { signal }) });
    return snapshot.with(localLayer(store, layer));
  }

  /** What an action builds upon: a snapshot, or the result of an earlier action. */
  #state(index: number): Promise<State> {
    let state = this.#states.get(index);
    if (!state) {
      state = this.#compute(index);
      this.#states.set(index, state);
    }
    return state;
  }

  async #compute(index: number): Promise<State> {
    if (index < 0) return { snapshot: LayeredSnapshot.scratch(), root: emptyRoot };
    const input = this.#inputs[index];
    if (input) {
      if (!isSnapshot(input)) throw new Error(`input ${index} of a file operation has no layers to build upon`);
      const snapshot = layered(input);
      return { snapshot, root: await snapshot.root(this.#options) };
    }
    const action = this.#actions[index - this.#inputs.length];
    if (!action || action.input >= index) throw new Error(`file operation refers to ${index}, which is not there`);
    const base = await this.#state(action.input);
    const tree = new WorkTree(base.root);
    await this.#apply(tree, action, index);
    return { snapshot: base.snapshot, root: tree.root };
  }

  async #apply(tree: WorkTree, action: FileAction, index: number): Promise<void> {
    if (action.kind === 'rm') {
      await rm(tree, action);
      return;
    }
    const owner = action.owner && (await this.#owner(action.owner));
    const fixedMtimeNs = action.timestamp === -1n ? undefined : action.timestamp;
    const context = { owner, mtimeNs: fixedMtimeNs ?? this.#nowNs };
    switch (action.kind) {
      case 'mkdir':
        mkdir(tree, action, context);
        return;
      case 'mkfile':
        mkfile(tree, action, context);
        return;
      case 'copy': {
        if (action.secondaryInput >= index) throw new Error('file action reads what is not made yet');
        const { signal } = this.#options;
        await copy(tree, await this.#tree(action.secondaryInput), action, {
          ...context,
          fixedMtimeNs,
          ...(signal && { signal }),
          unpack: (source, path, destination) =>
            this.#unpacker.unpack(tree, { source, path, destination, ...context }, { ...(signal && { signal }) }),
        });
      }
    }
  }

  #owner(owner: FileOwner) {
    return resolveOwner(owner, (input) => this.#tree(input), this.#options);
  }

  /** A tree that is only read. */
  async #tree(index: number): Promise<FileTree> {
    const input = this.#inputs[index];
    if (input) return input.tree(this.#options);
    return new NodeTree((await this.#state(index)).root);
  }
}

function isSnapshot(result: SolverResult): result is Snapshot {
  return 'layers' in result;
}
