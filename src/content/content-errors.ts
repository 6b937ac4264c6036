import { CodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import type { Digest } from '../oci/digest';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    /** The store does not have the blob. */
    BLOB_MISSING: { readonly digest: Digest; readonly store: string };
    /** The bytes are not those that the descriptor promises. `store` is where they came from. */
    BLOB_CORRUPT: {
      readonly digest: Digest;
      readonly store: string;
      readonly problem: 'too-long' | 'too-short' | 'digest';
    };
    /** A directory is not an OCI image layout that can be read. */
    LAYOUT_INVALID: { readonly directory: string; readonly reason: string };
    /** A graph of manifests that no honest image has. */
    CONTENT_GRAPH_INVALID: { readonly reason: string };
  }
}

export function blobMissing(store: string, descriptor: Descriptor, cause?: unknown): CodedError<'BLOB_MISSING'> {
  const { digest } = descriptor;
  return new CodedError('BLOB_MISSING', `${store} has no blob ${digest}`, { digest, store }, { cause });
}

/** What a call rejects with after `error`: the signal's reason if it was aborted, else the error itself. */
export function abortReasonOr(error: unknown, signal: AbortSignal | undefined): unknown {
  return signal?.aborted === true ? signal.reason : error;
}
