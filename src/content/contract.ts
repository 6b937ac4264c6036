import type { Readable } from 'node:stream';
import type { Descriptor } from '../oci/descriptor';
import type { Digest } from '../oci/digest';

export interface CallOptions {
  /** Aborts the call; the promise then rejects with the signal's reason, and nothing half-written stays visible. */
  readonly signal?: AbortSignal;
}

/** Opens the bytes anew on each call, so that a retry can start over. */
export type BlobSource = (options?: CallOptions) => Promise<Readable>;

export type PutOutcome = 'written' | 'already-present' | 'mounted';

export interface OpenOptions extends CallOptions {
  /** Bytes from `start` (inclusive, default 0) up to `end` (exclusive, default all). A range is not verified. */
  readonly range?: { readonly start: number; readonly end?: number };
}

export interface BlobReader {
  has(descriptor: Descriptor, options?: CallOptions): Promise<boolean>;
  /**
   * Streams the blob. The stream fails with `BLOB_CORRUPT` before `end` if size or digest do not match; the call
   * rejects with `BLOB_MISSING` if the store does not have it.
   */
  open(descriptor: Descriptor, options?: OpenOptions): Promise<Readable>;
}

export interface PutOptions extends CallOptions {
  /** Called with the bytes that went out since the last call. */
  readonly onBytes?: (bytes: number) => void;
}

export interface BlobWriter {
  /** Writes the blob atomically. An equal blob that is there already is not written again. */
  put(descriptor: Descriptor, source: BlobSource, options?: PutOptions): Promise<PutOutcome>;
}

/** The raw bytes of a manifest and the descriptor that they hash to. */
export interface StoredManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

export interface ManifestReader {
  /** The descriptor that a tag or digest stands for, or undefined where there is none. */
  resolve(reference: string | Digest, options?: CallOptions): Promise<Descriptor | undefined>;
  /** The manifest, verified against its digest, or undefined where there is none. */
  getManifest(reference: string | Digest, options?: CallOptions): Promise<StoredManifest | undefined>;
}

export interface ManifestWriter {
  /** Stores a manifest under its digest and, if given, points `tag` at it last. */
  putManifest(
    manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
    options?: CallOptions & {
      readonly tag?: string;
      /** Of the entry that the tag is; only an OCI layout has such entries. */
      readonly annotations?: Readonly<Record<string, string>>;
    },
  ): Promise<Descriptor>;
}

export interface TagLister {
  tags(options?: CallOptions): AsyncIterable<string>;
}

export interface Deleter {
  /** True if something was deleted, false if it was not there. */
  deleteManifest(reference: string | Digest, options?: CallOptions): Promise<boolean>;
  deleteBlob(descriptor: Descriptor, options?: CallOptions): Promise<boolean>;
}

/** What a store may be able to do: mount a blob of another repository of the same registry without moving bytes. */
export interface Mounter {
  /** True if the blob is now here, false if the bytes have to be sent. */
  mount(descriptor: Descriptor, fromRepository: string, options?: CallOptions): Promise<boolean>;
}

/**
 * One repository's worth of content: blobs by descriptor, manifests by tag or digest. Implemented by the memory store,
 * the directory store (an OCI image layout) and a registry's repository.
 */
export interface ContentStore extends BlobReader, BlobWriter, ManifestReader, ManifestWriter, TagLister, Deleter {
  /** For messages: `localhost:5000/acme/cache`, a directory, `memory`. */
  readonly name: string;
}
