import type { CompressionOptions } from '../compression/contract';
import type { Digest } from '../oci/digest';
import type { Reference } from '../oci/reference';
import type { CacheMode } from './contract';

/** Where a cache is read from. `location` is the user's text, for messages. */
export type CacheSource =
  | { readonly type: 'registry'; readonly reference: Reference; readonly insecure: boolean; readonly location: string }
  | {
      readonly type: 'local';
      /** Absolute. */
      readonly directory: string;
      readonly tag: string;
      readonly digest?: Digest;
      readonly location: string;
    };

/** Where a cache is written to, with every attribute resolved to a value. */
export interface CacheTarget {
  readonly destination: CacheSource;
  readonly mode: CacheMode;
  readonly ociMediaTypes: boolean;
  readonly imageManifest: boolean;
  readonly compression: CompressionOptions;
  readonly forceCompression: boolean;
  readonly ignoreError: boolean;
}
