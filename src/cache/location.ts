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

/** In the config of the image that is built. It is read by naming that image as a registry cache. */
export interface InlineDestination {
  readonly type: 'inline';
  readonly location: 'inline';
}

export type CacheDestination = CacheSource | InlineDestination;

/** Where a cache is written to, with every attribute resolved to a value. */
export interface CacheTarget<D extends CacheDestination = CacheDestination> {
  readonly destination: D;
  readonly mode: CacheMode;
  readonly ociMediaTypes: boolean;
  readonly imageManifest: boolean;
  readonly compression: CompressionOptions;
  readonly forceCompression: boolean;
  readonly ignoreError: boolean;
  /** Of the manifest; whoever reads the cache passes them over. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A target that is a place of its own, unlike `type=inline`. */
export type StoredCacheTarget = CacheTarget<CacheSource>;

export function isStoredTarget(target: CacheTarget): target is StoredCacheTarget {
  return target.destination.type !== 'inline';
}

/** Tag or digest of a cache inside its store. */
export function referenceInStore(source: CacheSource): string {
  return source.type === 'registry'
    ? (source.reference.digest ?? source.reference.tag ?? 'latest')
    : (source.digest ?? source.tag);
}
