import { PassThrough, Transform } from 'node:stream';

/** Passes bytes through and tells how many, for progress. */
export function countingBytes(onBytes: ((bytes: number) => void) | undefined): Transform {
  if (onBytes === undefined) return new PassThrough();
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      onBytes(chunk.byteLength);
      done(null, chunk);
    },
  });
}
