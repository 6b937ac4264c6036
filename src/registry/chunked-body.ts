import { Readable } from 'node:stream';

/**
 * Cuts one stream into pieces of known size, each a stream of its own, to be read one after the other. Nothing is
 * buffered beyond the chunk that a cut goes through.
 */
export class ChunkedBody {
  readonly #bytes: AsyncIterator<Buffer>;
  #rest: Buffer | undefined;

  constructor(private readonly source: Readable) {
    this.#bytes = (source as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  /** The next `sizeBytes` bytes, or fewer if the stream ends before. */
  next(sizeBytes: number): Readable {
    return Readable.from(this.#take(sizeBytes), { objectMode: false });
  }

  /** Reads to the end, so that what checks the bytes at the end gets to it. Bytes that still come are dropped. */
  async finish(): Promise<void> {
    while ((await this.#bytes.next()).done !== true);
  }

  destroy(): void {
    this.source.destroy();
  }

  async *#take(sizeBytes: number): AsyncGenerator<Buffer> {
    let wanted = sizeBytes;
    while (wanted > 0) {
      const chunk = this.#rest ?? (await this.#nextChunk());
      this.#rest = undefined;
      if (chunk === undefined) return;
      if (chunk.byteLength > wanted) this.#rest = chunk.subarray(wanted);
      const piece = chunk.subarray(0, wanted);
      wanted -= piece.byteLength;
      yield piece;
    }
  }

  async #nextChunk(): Promise<Buffer | undefined> {
    const result = await this.#bytes.next();
    return result.done === true ? undefined : result.value;
  }
}
