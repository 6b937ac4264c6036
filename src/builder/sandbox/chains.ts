import type { CallOptions } from '../../content/contract';
import { digestOf, hexOf, type Digest } from '../../oci/digest';
import type { Layer, Snapshot } from '../contract';
import { SharedTask } from '../../content/shared-task';
import { chainId } from '../snapshot';
import type { AgentClient } from './agent-client';
import type { LowerChains } from './agent/protocol';

/**
 * Chains that an overlay stacks at most above the lowest one. Their names have to fit into the one page that the kernel
 * takes as mount options.
 */
const MAX_STACKED = 60;
/** Characters of a chain's name: 128 bits. */
const NAME_LENGTH = 32;

export interface ChainsOptions {
  readonly agent: AgentClient;
  /** Whether roots are overlays; else one chain holds everything. */
  readonly hasOverlay: boolean;
  readonly newRun: () => string;
  readonly onWarning: (message: string) => void;
}

/** Layers that are unpacked into one directory. */
interface Group {
  readonly name: string;
  readonly layers: readonly Layer[];
}

/** Unpacked layers: each stack of layers is unpacked once, whoever needs it, and shares what it has in common. */
export class Chains {
  readonly #options: ChainsOptions;
  readonly #unpacking = new Map<string, SharedTask<void>>();

  constructor(options: ChainsOptions) {
    this.#options = options;
  }

  /** Makes sure that the snapshot is unpacked; gives what its root consists of, topmost first. */
  async of(snapshot: Snapshot, options: CallOptions = {}): Promise<LowerChains> {
    // All at once, so that one is unpacked while the next ones are on their way; a failure shows where it is waited for.
    for (const layer of snapshot.layers) void layer.load(options).catch(() => undefined);
    const lowers: string[] = [];
    for (const group of this.#groups(snapshot.layers)) {
      await this.#ensure(group, [...lowers], options);
      lowers.unshift(group.name);
    }
    return lowers;
  }

  /** The chain that a step's root is once `layer` was made of it. */
  nameAbove(snapshot: Snapshot, layer: Pick<Layer, 'diffId'>): string {
    const diffIds = [...snapshot.layers, layer].map(({ diffId }) => diffId);
    return chainName(diffIds, this.#options.hasOverlay ? snapshot.layers.length : 0);
  }

  /**
   * Without overlays, one group of all. With them, one for each layer; of tall stacks the lower part is one group, and
   * always ends at a multiple of the bound, so that a step on top does not move the border.
   */
  #groups(layers: readonly Layer[]): readonly Group[] {
    if (layers.length === 0) return [];
    const diffIds = layers.map(({ diffId }) => diffId);
    const tall = Math.floor((layers.length - 1) / MAX_STACKED) * MAX_STACKED;
    const merged = this.#options.hasOverlay ? Math.max(1, tall) : layers.length;
    const lowest = { name: chainName(diffIds.slice(0, merged), 0), layers: layers.slice(0, merged) };
    const stacked = layers.slice(merged).map((layer, index) => {
      const below = merged + index;
      return { name: chainName(diffIds.slice(0, below + 1), below), layers: [layer] };
    });
    return [lowest, ...stacked];
  }

  async #ensure(group: Group, lowers: LowerChains, options: CallOptions): Promise<void> {
    let task = this.#unpacking.get(group.name);
    if (!task) {
      let isDone = false;
      task = new SharedTask(async (signal) => {
        if (!isDone) await this.#unpack(group, lowers, signal);
        isDone = true;
      });
      this.#unpacking.set(group.name, task);
    }
    await task.run(options);
  }

  async #unpack({ name, layers }: Group, lowers: LowerChains, signal: AbortSignal): Promise<void> {
    const { agent, newRun, onWarning } = this.#options;
    if (await agent.request('hasChain', { chain: name })) return;
    const run = newRun();
    const stored = await Promise.all(layers.map((layer) => layer.load({ signal })));
    await agent.request('openUnpack', { run, lowers });
    try {
      for (const layer of stored) {
        for await (const chunk of await layer.openTar({ signal })) {
          await agent.request('unpack', { run, chunk: chunk as Buffer });
        }
        await agent.request('unpack', { run, chunk: new Uint8Array(0) });
      }
    } catch (error) {
      await agent.request('closeUnpack', { run }).catch(() => undefined);
      throw error;
    }
    const { warnings } = await agent.request('closeUnpack', { run, chain: name });
    for (const warning of warnings) onWarning(warning);
  }
}

/** Names what the topmost of `diffIds` adds to the `below` layers under it; with 0 below, all of them together. */
function chainName(diffIds: readonly Digest[], below: number): string {
  return hexOf(digestOf(`${below} ${chainId(diffIds) ?? ''}`)).slice(0, NAME_LENGTH);
}
