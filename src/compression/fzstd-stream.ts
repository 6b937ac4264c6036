import { Transform, type TransformCallback } from 'node:stream';
import { Decompress } from 'fzstd';
import { corruptData } from './compression-errors';

/** Decodes zstd in JavaScript, for a Node without zstd. Takes any number of frames; does not look at checksums. Fails with `COMPRESSED_DATA_CORRUPT`. */
export class FzstdStream extends Transform {
  readonly #decoder = new Decompress((data) => {
    // A copy is not needed: the decoder keeps a window of its own.
    if (data.byteLength > 0) this.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  });

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#decode(chunk, { last: false }, done);
  }

  override _flush(done: TransformCallback): void {
    this.#decode(Buffer.alloc(0), { last: true }, done);
  }

  #decode(chunk: Buffer, { last }: { readonly last: boolean }, done: TransformCallback): void {
    try {
      this.#decoder.push(chunk, last);
      done();
    } catch (error) {
      // It checks little: damaged data ends in errors of all kinds, a `RangeError` of an array among them.
      done(corruptData('zstd', (error as Error).message, error));
    }
  }
}
