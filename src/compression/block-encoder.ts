import type { BlockCodec } from './block-codec';
import type { BlockLane } from './block-lane';
import type { CompressionSummary } from './contract';
import type { OrderedBlocks } from './ordered-blocks';

/** What cuts content into blocks, has them compressed, and queues them to be written. */
export interface BlockEncoder {
  /** Resolves when there is room for more. */
  write(data: Buffer): Promise<void>;
  /** Resolves when everything is written. */
  end(): Promise<CompressionSummary>;
}

export interface BlockEncoderOptions {
  readonly codec: BlockCodec;
  readonly level: number;
  readonly blockBytes: number;
  readonly lane: BlockLane;
  readonly blocks: OrderedBlocks;
}

/** Gathers content until there is a block of it. */
export class BlockGatherer {
  readonly #blockBytes: number;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(blockBytes: number) {
    this.#blockBytes = blockBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes as much of `data` as fits and gives the rest. */
  take(data: Buffer): Buffer {
    const taken = data.subarray(0, this.#blockBytes - this.#bytes);
    if (taken.byteLength > 0) this.#parts.push(taken);
    this.#bytes += taken.byteLength;
    return data.subarray(taken.byteLength);
  }

  get isFull(): boolean {
    return this.#bytes === this.#blockBytes;
  }

  /** Everything that was gathered, as bytes that belong to nobody else. */
  release(): Buffer {
    const data = Buffer.concat(this.#parts, this.#bytes);
    this.#parts = [];
    this.#bytes = 0;
    return data;
  }
}
