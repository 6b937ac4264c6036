import '../content/content-errors';
import type { BlobReader, CallOptions, ManifestReader, StoredManifest } from '../content/contract';
import { readBlob } from '../content/read-blob';
import { CodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import type { Digest } from '../oci/digest';
import { parseManifest, type ImageIndex } from '../oci/manifest';
import { isImageConfig, isIndex, isManifest } from '../oci/media-types';
import type { Platform } from '../oci/platform';
import { MAX_CONFIG_BYTES, parseCacheConfig } from './cache-config';
import { findCacheConfig } from './cache-manifest';
import type { CacheConfig } from './contract';
import { readInlineCache } from './inline-cache';

/** Manifests that one reference may lead to: platforms, mostly. */
const MAX_MANIFESTS = 256;
/** Indexes in indexes. */
const MAX_INDEX_DEPTH = 4;
/** What `docker buildx` calls the platform of an attestation, which is no image. */
const unknownPlatform = 'unknown';

/** A cache as one manifest has it. */
export interface CachePart {
  /** `inline`: in the config of an image. */
  readonly kind: 'cache' | 'inline';
  /** Whether layers are listed by an image manifest or by an index. */
  readonly form: 'manifest' | 'index';
  readonly manifest: Descriptor;
  /** The blob that the records are in: a cache config or an image config. */
  readonly configBlob: Descriptor;
  readonly config: CacheConfig;
  /** With the annotations of the cache format, which for inline caches come from the image's config. */
  readonly layers: ReadonlyMap<Digest, Descriptor>;
  /** Annotations of the manifest. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly platform?: Platform;
}

/** What a reference stands for: one cache, or several, such as the inline caches of an image's platforms. */
export interface StoredCache {
  readonly root: Descriptor;
  /** At least one. */
  readonly parts: readonly CachePart[];
}

/**
 * Reads the cache that a tag or digest stands for, in every form that BuildKit writes or reads: image manifest, index,
 * inline in an image, an index of any of these. Layers are not touched. Undefined if there is no such manifest.
 *
 * Rejects with `CACHE_CONFIG_INVALID`, `CACHE_MANIFEST_INVALID`, `IMAGE_CONFIG_INVALID`, `MANIFEST_INVALID`,
 * `BLOB_CORRUPT` or `BLOB_MISSING` for what cannot be used, and with the store's errors.
 */
export async function readStoredCache(
  store: BlobReader & ManifestReader,
  reference: string | Digest,
  options: CallOptions = {},
): Promise<StoredCache | undefined> {
  const stored = await store.getManifest(reference, options);
  if (stored === undefined) return undefined;
  const parts: CachePart[] = [];
  const walk = { store, parts, seen: new Set<Digest>(), call: options.signal ? { signal: options.signal } : {} };
  await readManifest(stored, { ...walk, depth: 1 });
  if (parts.length > 0) return { root: stored.descriptor, parts };
  const kind = isIndex(stored.descriptor.mediaType) ? 'an image index' : 'an image';
  return noCache(`it is ${kind} and no build cache, nor does it have an inline one`);
}

interface Walk {
  readonly store: BlobReader & ManifestReader;
  readonly parts: CachePart[];
  readonly seen: Set<Digest>;
  readonly call: CallOptions;
  readonly depth: number;
  readonly platform?: Platform;
}

async function readManifest(stored: StoredManifest, walk: Walk): Promise<void> {
  const { descriptor, bytes } = stored;
  if (walk.seen.has(descriptor.digest)) return;
  walk.seen.add(descriptor.digest);
  if (walk.seen.size > MAX_MANIFESTS) noCache(`it leads to more than ${MAX_MANIFESTS} manifests`);
  const manifest = parseManifest(bytes, descriptor.mediaType);
  const found = findCacheConfig(manifest);
  const common = {
    manifest: descriptor,
    annotations: manifest.annotations ?? {},
    ...(walk.platform !== undefined && { platform: walk.platform }),
  };
  if (found) {
    if (found.config.size > MAX_CONFIG_BYTES) {
      noCache(`its config has ${found.config.size} bytes, more than ${MAX_CONFIG_BYTES}`);
    }
    const config = parseCacheConfig(await readBlob(walk.store, found.config, walk.call));
    const form = manifest.kind;
    walk.parts.push({ ...common, kind: 'cache', form, configBlob: found.config, config, layers: found.layers });
  } else if (manifest.kind === 'index') {
    await readChildren(manifest, walk);
  } else if (isImageConfig(manifest.config.mediaType)) {
    const inline = await readInlineCache(manifest, (blob) => readBlob(walk.store, blob, walk.call));
    if (inline)
      walk.parts.push({ ...common, kind: 'inline', form: 'manifest', configBlob: manifest.config, ...inline });
  }
}

/** One after the other, so that the parts have the order of the index. */
async function readChildren(index: ImageIndex, walk: Walk): Promise<void> {
  if (walk.depth >= MAX_INDEX_DEPTH) noCache(`its indexes nest deeper than ${MAX_INDEX_DEPTH}`);
  for (const { digest, mediaType, platform } of index.manifests) {
    if (!isManifest(mediaType) && !isIndex(mediaType)) continue;
    if (platform?.os === unknownPlatform) continue;
    const child = await walk.store.getManifest(digest, walk.call);
    // An index may list platforms that were not copied along.
    if (child === undefined) continue;
    await readManifest(child, { ...walk, depth: walk.depth + 1, ...(platform !== undefined && { platform }) });
  }
}

function noCache(reason: string): never {
  throw new CodedError('CACHE_MANIFEST_INVALID', `the cache cannot be read: ${reason}`, { reason });
}
