import '../content/content-errors';
import type { BlobReader, CallOptions, ContentStore } from '../content/contract';
import { isCodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import type { Digest } from '../oci/digest';
import { configSource, openRemoteChain } from './config-source';
import type { RecordSource } from './contract';
import { readStoredCache, type CachePart } from './read-cache';

export type ImportCacheOutcome =
  | {
      readonly kind: 'imported';
      readonly source: RecordSource;
      readonly manifest: Descriptor;
      /** One, but for the inline caches of an image of several platforms. */
      readonly parts: readonly CachePart[];
      /** All blobs that the manifest lists: what need not be asked for when exporting to the same repository. */
      readonly blobs: ReadonlySet<Digest>;
    }
  | { readonly kind: 'missing' }
  /** `invalid` covers corrupt bytes and formats that are no cache; `unavailable` a registry that does not answer. */
  | {
      readonly kind: 'unusable';
      readonly reason: 'invalid' | 'unavailable';
      readonly message: string;
      readonly cause: unknown;
    };

export interface ImportCacheOptions extends CallOptions {
  /** The user's text, for reports. */
  readonly name: string;
}

/**
 * Reads the cache that a tag or digest stands for, be it a cache or an image with an inline one: manifest and config
 * now, layers when a result is used. A cache that
 * cannot be used is an outcome and no error, for a build goes on without it; only an abort rejects.
 */
export async function importCache(
  store: ContentStore,
  reference: string | Digest,
  options: ImportCacheOptions,
): Promise<ImportCacheOutcome> {
  try {
    const cache = await readStoredCache(store, reference, options);
    if (cache === undefined) return { kind: 'missing' };
    const reader = new RememberingReader(store);
    const sources = cache.parts.map(({ config, layers }) =>
      configSource(config, { name: options.name, open: openRemoteChain(layers, reader) }),
    );
    const [only] = sources;
    const source =
      only !== undefined && sources.length === 1
        ? only
        : { name: options.name, find: (digest: Digest) => sources.flatMap((part) => part.find(digest)) };
    const blobs = new Set(cache.parts.flatMap(({ layers, configBlob }) => [...layers.keys(), configBlob.digest]));
    return { kind: 'imported', source, manifest: cache.root, parts: cache.parts, blobs };
  } catch (cause) {
    options.signal?.throwIfAborted();
    const message = cause instanceof Error ? cause.message : String(cause);
    return { kind: 'unusable', reason: isInvalid(cause) ? 'invalid' : 'unavailable', message, cause };
  }
}

function isInvalid(error: unknown): boolean {
  return isCodedError(
    error,
    ...([
      'CACHE_CONFIG_INVALID',
      'CACHE_MANIFEST_INVALID',
      'IMAGE_CONFIG_INVALID',
      'MANIFEST_INVALID',
      'BLOB_CORRUPT',
      'BLOB_MISSING',
    ] as const),
  );
}

/** Asks only once whether a blob is there: many results share their lower layers. */
class RememberingReader implements BlobReader {
  readonly #present = new Map<Digest, Promise<boolean>>();

  constructor(private readonly store: BlobReader) {}

  has(descriptor: Descriptor, options?: CallOptions): Promise<boolean> {
    const known = this.#present.get(descriptor.digest);
    if (known) return known;
    const answer = this.store.has(descriptor, options);
    this.#present.set(descriptor.digest, answer);
    answer.catch(() => this.#present.delete(descriptor.digest));
    return answer;
  }

  open(...args: Parameters<BlobReader['open']>): ReturnType<BlobReader['open']> {
    return this.store.open(...args);
  }
}
