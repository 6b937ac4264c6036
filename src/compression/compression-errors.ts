import { CodedError } from '../diagnostics/coded-error';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    /** The bytes are not what their first ones promise: damaged, cut off, or made to do harm. */
    COMPRESSED_DATA_CORRUPT: { readonly format: 'gzip' | 'zstd'; readonly reason: string };
    /** Decompressing gives more than was allowed. */
    DECOMPRESSION_LIMIT: { readonly limit: 'bytes' | 'ratio'; readonly allowed: number };
    /** The level is not one that the compression knows. */
    COMPRESSION_LEVEL_INVALID: { readonly reason: string };
    /** The tar cannot be described by an estargz table of contents. */
    ESTARGZ_TAR_UNSUPPORTED: { readonly reason: string };
  }
}

export function corruptData(
  format: 'gzip' | 'zstd',
  reason: string,
  cause?: unknown,
): CodedError<'COMPRESSED_DATA_CORRUPT'> {
  return new CodedError(
    'COMPRESSED_DATA_CORRUPT',
    `the ${format} data is corrupt: ${reason}`,
    { format, reason },
    { cause },
  );
}

export function unsupportedTar(reason: string, cause?: unknown): CodedError<'ESTARGZ_TAR_UNSUPPORTED'> {
  const hint = 'use gzip or zstd for this layer';
  return new CodedError(
    'ESTARGZ_TAR_UNSUPPORTED',
    `the layer cannot become estargz: ${reason}`,
    { reason },
    { cause, hint },
  );
}
