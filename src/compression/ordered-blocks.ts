/** A piece of the output that is being compressed. */
export interface Block {
  /** Bytes of content: what it holds in memory until its turn has come. */
  readonly bytes: number;
  readonly output: Promise<Uint8Array>;
  /** Written around the output. */
  readonly before?: Uint8Array;
  readonly after?: Uint8Array;
  /** Called when its turn has come, with the bytes that were written before it. */
  readonly onOffset?: (offset: number) => void;
}

/** Blocks at once, however small: each of them holds the state of a codec. */
const maxBlocks = 64;

/** Writes blocks that are compressed at once in the order in which they came. */
export class OrderedBlocks {
  readonly #maxBytes: number;
  readonly #write: (output: Uint8Array) => void;
  readonly #underWay: Block[] = [];
  #bytesUnderWay = 0;
  #writtenBytes = 0;

  constructor(options: { readonly maxBytes: number; readonly write: (output: Uint8Array) => void }) {
    this.#maxBytes = options.maxBytes;
    this.#write = options.write;
  }

  /** Bytes of output so far. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Resolves when there is room for another block. Rejects with the error of the first block that failed. */
  async add(block: Block): Promise<void> {
    // The error is reported when it is this block's turn; until then it would count as unhandled.
    block.output.catch(() => undefined);
    this.#underWay.push(block);
    this.#bytesUnderWay += block.bytes;
    while (this.#underWay.length >= maxBlocks || this.#bytesUnderWay >= this.#maxBytes) await this.#finishFirst();
  }

  /** Resolves when everything is written. */
  async drain(): Promise<void> {
    while (this.#underWay.length > 0) await this.#finishFirst();
  }

  /** Writes bytes that belong to no block, which must not be while one is under way. */
  append(bytes: Uint8Array): void {
    this.#writtenBytes += bytes.byteLength;
    this.#write(bytes);
  }

  async #finishFirst(): Promise<void> {
    const block = this.#underWay.shift();
    if (block === undefined) return;
    const output = await block.output;
    this.#bytesUnderWay -= block.bytes;
    block.onOffset?.(this.#writtenBytes);
    for (const bytes of [block.before, output, block.after]) if (bytes !== undefined) this.append(bytes);
  }
}
