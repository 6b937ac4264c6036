import '../content/content-errors';
import type { BlobReader, CallOptions, ContentStore } from '../content/contract';
import { isCodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import type { Digest } from '../oci/digest';
import { MAX_CONFIG_BYTES, parseCacheConfig } from './cache-config';
import { readCacheManifest } from './cache-manifest';
import { configSource, openRemoteChain } from './config-source';
import type { CacheConfig, RecordSource } from './contract';

export type ImportCacheOutcome =
  | {
      readonly kind: 'imported';
      readonly source: RecordSource;
      readonly manifest: Descriptor;
      readonly config: CacheConfig;
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
 * Reads the cache that a tag or digest stands for: manifest and config now, layers when a result is used. A cache that
 * cannot be used is an outcome and no error, for a build goes on without it; only an abort rejects.
 */
export async function importCache(
  store: ContentStore,
  reference: string | Digest,
  options: ImportCacheOptions,
): Promise<ImportCacheOutcome> {
  try {
    const stored = await store.getManifest(reference, options);
    if (stored === undefined) return { kind: 'missing' };
    const manifest = readCacheManifest(stored.bytes);
    if (manifest.config.size > MAX_CONFIG_BYTES) {
      const message = `the cache config has ${manifest.config.size} bytes, more than ${MAX_CONFIG_BYTES}`;
      return { kind: 'unusable', reason: 'invalid', message, cause: undefined };
    }
    const config = parseCacheConfig(await readBlob(store, manifest.config, options));
    const source = configSource(config, {
      name: options.name,
      open: openRemoteChain(manifest.layers, new RememberingReader(store)),
    });
    const blobs = new Set([...manifest.layers.keys(), manifest.config.digest]);
    return { kind: 'imported', source, manifest: stored.descriptor, config, blobs };
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
      'MANIFEST_INVALID',
      'BLOB_CORRUPT',
      'BLOB_MISSING',
    ] as const),
  );
}

async function readBlob(store: BlobReader, descriptor: Descriptor, options: CallOptions): Promise<Buffer> {
  const chunks: Buffer[] = [];
  // The stream fails if it brings more than the descriptor's size, which is bounded.
  for await (const chunk of await store.open(descriptor, options)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
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
