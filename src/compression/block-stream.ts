import { Transform, type TransformCallback } from 'node:stream';
import type { BlockEncoder } from './block-encoder';
import type { BlockLane } from './block-lane';
import type { CompressionSummary } from './contract';
import { OrderedBlocks } from './ordered-blocks';

export interface BlockStreamOptions {
  /** Content that is under way at once; about twice as much is held in memory. */
  readonly maxBytes: number;
  /** Closed with the stream. */
  readonly lane: BlockLane;
  readonly encoder: (blocks: OrderedBlocks) => BlockEncoder;
}

/** A block encoder as a stream. Takes in no more than it can hand on: who reads slowly slows down who writes. */
export class BlockStream extends Transform {
  readonly #lane: BlockLane;
  readonly #encoder: BlockEncoder;
  #summary: CompressionSummary | undefined;

  constructor({ maxBytes, lane, encoder }: BlockStreamOptions) {
    super();
    this.#lane = lane;
    this.#encoder = encoder(new OrderedBlocks({ maxBytes, write: (output) => this.push(output) }));
  }

  /** What the encoder said at the end. */
  summary(): CompressionSummary {
    if (this.#summary === undefined) throw new Error('the summary is there when the stream has ended');
    return this.#summary;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#encoder.write(chunk).then(() => done(), done);
  }

  override _flush(done: TransformCallback): void {
    this.#encoder.end().then((summary) => {
      this.#summary = summary;
      done();
    }, done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#lane.close().then(
      () => done(error),
      (failure: unknown) => done(error ?? (failure as Error)),
    );
  }
}
