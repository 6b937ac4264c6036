import { BlockGatherer, type BlockEncoder, type BlockEncoderOptions } from './block-encoder';
import { noAnnotations, type CompressionSummary } from './contract';

/** Content as zstd frames, one for each block. Frames that follow each other are one stream to every decoder. */
export class ZstdFrames implements BlockEncoder {
  readonly #options: BlockEncoderOptions;
  readonly #gatherer: BlockGatherer;
  #started = false;

  constructor(options: BlockEncoderOptions) {
    this.#options = options;
    this.#gatherer = new BlockGatherer(options.blockBytes);
  }

  async write(data: Buffer): Promise<void> {
    for (let rest = data; rest.byteLength > 0;) {
      rest = this.#gatherer.take(rest);
      if (this.#gatherer.isFull) await this.#submit();
    }
  }

  async end(): Promise<CompressionSummary> {
    // No content is a frame, too: no bytes at all would be no zstd.
    if (this.#gatherer.bytes > 0 || !this.#started) await this.#submit();
    await this.#options.blocks.drain();
    return noAnnotations;
  }

  async #submit(): Promise<void> {
    const { codec, level, lane, blocks } = this.#options;
    this.#started = true;
    const bytes = this.#gatherer.bytes;
    const output = lane.encode({ codec, level, data: this.#gatherer.release(), last: true });
    await blocks.add({ bytes, output });
  }
}
