import { BlockGatherer, type BlockEncoder, type BlockEncoderOptions } from './block-encoder';
import { noAnnotations, type CompressionSummary } from './contract';
import { GzipTrailer, gzipHeader } from './gzip-framing';

/** What deflate can refer back to: its window. */
const dictionaryBytes = 32 * 1024;

/** A member that is not closed yet. */
interface OpenMember {
  readonly trailer: GzipTrailer;
  readonly onOffset: ((offset: number) => void) | undefined;
  isStarted: boolean;
  dictionary: Uint8Array | undefined;
}

/**
 * Content as gzip members. Each is one deflate stream, compressed in blocks that know the end of the block before them
 * and end on byte boundaries: what pigz does.
 */
export class GzipMembers implements BlockEncoder {
  readonly #options: BlockEncoderOptions;
  readonly #gatherer: BlockGatherer;
  #member: OpenMember | undefined;

  constructor(options: BlockEncoderOptions) {
    this.#options = options;
    this.#gatherer = new BlockGatherer(options.blockBytes);
  }

  /** Opens a member, closing the one before; `onOffset` is told where it starts in the output, before `end` resolves. */
  async open(onOffset?: (offset: number) => void): Promise<void> {
    await this.close();
    this.#member = { trailer: new GzipTrailer(), onOffset, isStarted: false, dictionary: undefined };
  }

  /** Opens a member if none is open. */
  async write(data: Buffer): Promise<void> {
    if (this.#member === undefined) await this.open();
    this.#member?.trailer.update(data);
    for (let rest = data; rest.byteLength > 0;) {
      rest = this.#gatherer.take(rest);
      if (this.#gatherer.isFull) await this.#submit({ last: false });
    }
  }

  /** Closes the open member, if there is one. */
  async close(): Promise<void> {
    await this.#submit({ last: true });
    this.#member = undefined;
  }

  async end(): Promise<CompressionSummary> {
    await this.close();
    await this.#options.blocks.drain();
    return noAnnotations;
  }

  async #submit({ last }: { readonly last: boolean }): Promise<void> {
    const member = this.#member;
    if (member === undefined) return;
    const { codec, level, lane, blocks } = this.#options;
    const { dictionary, isStarted, onOffset } = member;
    const data = this.#gatherer.release();
    const bytes = data.byteLength;
    // A copy, since the lane may take the block away.
    if (!last) member.dictionary = Uint8Array.from(data.subarray(-dictionaryBytes));
    member.isStarted = true;
    await blocks.add({
      bytes,
      output: lane.encode({ codec, level, data, last, ...(dictionary !== undefined && { dictionary }) }),
      ...(!isStarted && { before: gzipHeader, ...(onOffset !== undefined && { onOffset }) }),
      ...(last && { after: member.trailer.finish() }),
    });
  }
}
