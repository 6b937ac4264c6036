import type { BlobReader } from '../content/contract';
import type { Descriptor } from '../oci/descriptor';
import type { Digest } from '../oci/digest';

/** Media type of BuildKit's cache config blob. */
export const cacheConfigMediaType = 'application/vnd.buildkit.cacheconfig.v0';

/** Annotation of a layer's descriptor with its diffID; a cache's layers always have it. */
export const uncompressedAnnotation = 'containerd.io/uncompressed';

/** Annotation of a layer's descriptor: when it was made, RFC 3339. */
export const createdAtAnnotation = 'buildkit/createdat';

/** Annotation of a layer's descriptor: the step that made it, for people to read. */
export const descriptionAnnotation = 'buildkit/description';

/** Annotation of an estargz layer's descriptor: the digest of its table of contents. */
export const estargzTocAnnotation = 'containerd.io/snapshot/stargz/toc.digest';

/** The cache config as it stands on the wire (BuildKit `cache/remotecache/v1/types`). */
export interface CacheConfig {
  readonly layers: readonly CacheLayer[];
  readonly records: readonly CacheRecord[];
}

export interface CacheLayer {
  readonly blob: Digest;
  /** Index into `layers`; -1 for a lowest layer. On the wire, an absent `parent` means 0. */
  readonly parent: number;
}

export interface CacheRecord {
  readonly digest: Digest;
  readonly layers: readonly CacheResult[];
  readonly inputs: readonly (readonly CacheLink[])[];
}

export interface CacheResult {
  /** Index of the topmost layer of the chain. */
  readonly layer: number;
  /** RFC 3339. */
  readonly createdAt: string;
}

export interface CacheLink {
  /** Digest of the selector; undefined where the link is by content or without one. */
  readonly selector?: string;
  /** Index into `records`. */
  readonly link: number;
}

/** `min`: what the final result consists of. `max`: the results of all steps. */
export type CacheMode = 'min' | 'max';

/** A result's layers, lowest first, as they lie (or will lie) in a registry, and where their bytes can be read. */
export interface Remote {
  /** Layer descriptors with the annotations of the cache format ({@link uncompressedAnnotation} is always there). */
  readonly descriptors: readonly Descriptor[];
  readonly provider: BlobReader;
}

/** Where the layers of a cached result are: in a registry, or in the local layer store under their diffIDs. */
export type ResultOrigin =
  | { readonly kind: 'remote'; readonly remote: Remote }
  | { readonly kind: 'layers'; readonly diffIds: readonly Digest[] };

export interface SourceResult {
  /** RFC 3339. */
  readonly createdAt: string;
  /** Undefined if the source's manifest does not list all layers of the chain. */
  open(): ResultOrigin | undefined;
}

/** A record of a source with its links resolved. Records are compared by identity. */
export interface SourceRecord {
  readonly digest: Digest;
  readonly inputs: readonly (readonly SourceLink[])[];
  /** Newest first. */
  readonly results: readonly SourceResult[];
}

export interface SourceLink {
  readonly selector?: string;
  readonly record: SourceRecord;
}

/** Something that knows results of earlier builds: an imported cache, or this machine's own state. */
export interface RecordSource {
  /** `local`, or the user's text for an import; for reports and warnings. */
  readonly name: string;
  /** All records with this digest. */
  find(digest: Digest): readonly SourceRecord[];
}
