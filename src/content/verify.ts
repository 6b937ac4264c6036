import { createHash } from 'node:crypto';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import { algorithmOf, finishDigest } from '../oci/digest';
import './content-errors';
import type { CallOptions } from './contract';

export interface VerifyOptions {
  /** Where the bytes come from, for the message: the name of a store. */
  readonly store: string;
}

/**
 * Passes bytes through and fails with `BLOB_CORRUPT` as soon as there are more than `descriptor.size`, or before `end`
 * if there were fewer or their digest is another one.
 */
export function verifying(descriptor: Descriptor, options: VerifyOptions): Transform {
  const algorithm = algorithmOf(descriptor.digest);
  const hash = createHash(algorithm);
  let received = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      received += chunk.byteLength;
      if (received > descriptor.size) {
        done(corrupt(descriptor, options, 'too-long'));
        return;
      }
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      if (received < descriptor.size) done(corrupt(descriptor, options, 'too-short'));
      else if (finishDigest(hash, algorithm) !== descriptor.digest) done(corrupt(descriptor, options, 'digest'));
      else done();
    },
  });
}

/** `source` as a stream that fails unless it is what `descriptor` promises. Destroying either one destroys the other. */
export function verifiedStream(
  source: Readable,
  descriptor: Descriptor,
  options: VerifyOptions & CallOptions,
): Readable {
  const verified = verifying(descriptor, options);
  // Whoever reads `verified` sees its error; here it would only be reported a second time.
  pipeline(source, verified, options.signal === undefined ? {} : { signal: options.signal }).catch(() => undefined);
  return verified;
}

/**
 * Checks bytes that are at hand as a whole.
 *
 * @throws CodedError `BLOB_CORRUPT`.
 */
export function verifyBytes(bytes: Uint8Array, descriptor: Descriptor, options: VerifyOptions): void {
  if (bytes.byteLength > descriptor.size) throw corrupt(descriptor, options, 'too-long');
  if (bytes.byteLength < descriptor.size) throw corrupt(descriptor, options, 'too-short');
  const algorithm = algorithmOf(descriptor.digest);
  const digest = finishDigest(createHash(algorithm).update(bytes), algorithm);
  if (digest !== descriptor.digest) throw corrupt(descriptor, options, 'digest');
}

const explanations = {
  'too-long': (size: number) => `there are more than its ${size} bytes`,
  'too-short': (size: number) => `it ended before its ${size} bytes`,
  digest: () => 'its bytes have another digest',
} as const;

function corrupt(
  descriptor: Descriptor,
  options: VerifyOptions,
  problem: keyof typeof explanations,
): CodedError<'BLOB_CORRUPT'> {
  const { digest, size } = descriptor;
  const message = `blob ${digest} from ${options.store} is corrupt: ${explanations[problem](size)}`;
  return new CodedError('BLOB_CORRUPT', message, { digest, store: options.store, problem });
}
