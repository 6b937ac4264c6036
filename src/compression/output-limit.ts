import { Transform, type TransformCallback } from 'node:stream';
import { CodedError } from '../diagnostics/coded-error';
import './compression-errors';

const GiB = 1024 ** 3;

/** Bytes that a layer may have, unless the caller says otherwise. */
const defaultMaxBytes = 64 * GiB;
/**
 * Times that decompressing may enlarge the data. deflate cannot do more than 1032, and honest layers with a file of
 * zeros get there; only zstd can go beyond.
 */
const defaultMaxRatio = 2000;
/** Bytes of output below which the ratio is not looked at: so much harms nobody. */
const ratioFloorBytes = 64 * 1024 * 1024;

export interface OutputLimits {
  /** Bytes of output at most. Default 64 GiB. */
  readonly maxBytes?: number;
  /** Bytes of output for each byte of input at most, once there are more than 64 MiB. Default 2000. */
  readonly maxRatio?: number;
}

/** Passes decompressed bytes through and fails with `DECOMPRESSION_LIMIT` when they are more than was allowed. */
export class OutputLimit extends Transform {
  readonly #maxBytes: number;
  readonly #maxRatio: number;
  #inputBytes = 0;
  #outputBytes = 0;

  constructor({ maxBytes = defaultMaxBytes, maxRatio = defaultMaxRatio }: OutputLimits) {
    super();
    this.#maxBytes = maxBytes;
    this.#maxRatio = maxRatio;
  }

  /** To be told of every compressed byte before what comes out of it. */
  countInput(bytes: number): void {
    this.#inputBytes += bytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#outputBytes += chunk.byteLength;
    if (this.#outputBytes > this.#maxBytes) {
      done(exceeded('bytes', this.#maxBytes, `more than ${this.#maxBytes} bytes`));
    } else if (this.#outputBytes > ratioFloorBytes && this.#outputBytes > this.#inputBytes * this.#maxRatio) {
      done(exceeded('ratio', this.#maxRatio, `more than ${this.#maxRatio} times its size`));
    } else {
      done(null, chunk);
    }
  }
}

function exceeded(limit: 'bytes' | 'ratio', allowed: number, what: string): CodedError<'DECOMPRESSION_LIMIT'> {
  return new CodedError('DECOMPRESSION_LIMIT', `the data decompresses to ${what}`, { limit, allowed });
}
