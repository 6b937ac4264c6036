import { CodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import type { Digest } from '../oci/digest';
import type { ImageConfig } from '../oci/image-config';
import type { ImageManifest } from '../oci/manifest';
import { maxImageConfigBytes, parseImageConfig } from '../oci/parse-image-config';
import { parseInlineRecords, wireRecord, type WireChain } from './cache-config';
import {
  createdAtAnnotation,
  descriptionAnnotation,
  uncompressedAnnotation,
  type CacheConfig,
  type CacheLayer,
} from './contract';
import { chainBlobs, withResults } from './reachable-config';
import { isTime } from './rfc3339';

/** Key of an image config under which BuildKit keeps an inline cache: its records as JSON, in base64. */
export const inlineCacheKey = 'moby.buildkit.cache.v0';

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

export interface InlineCache {
  readonly config: CacheConfig;
  /** The image's layers, with the annotations that a cache's layers have. */
  readonly layers: ReadonlyMap<Digest, Descriptor>;
}

/**
 * The inline cache of an image (BuildKit `cache/remotecache/import.go`), undefined if it has none. Its layers are the
 * image's, each on the one before; their diffIDs, times and descriptions come from the image's config.
 *
 * @throws CodedError `IMAGE_CONFIG_INVALID`, `CACHE_CONFIG_INVALID`, `CACHE_MANIFEST_INVALID`.
 */
export async function readInlineCache(
  manifest: ImageManifest,
  read: (blob: Descriptor) => Promise<Buffer>,
): Promise<InlineCache | undefined> {
  if (manifest.layers.length === 0) return undefined;
  if (manifest.config.size > maxImageConfigBytes) {
    invalid(`its image config has ${manifest.config.size} bytes, more than ${maxImageConfigBytes}`);
  }
  const image = parseImageConfig(await read(manifest.config));
  const text = image[inlineCacheKey];
  if (text === undefined) return undefined;
  if (typeof text !== 'string' || !base64.test(text)) invalid('its inline cache is not base64');
  const diffIds = image.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) invalid('manifest and config of the image differ in their layers');
  const steps = (image.history ?? []).filter((entry) => entry.empty_layer !== true);
  const layers = manifest.layers.map((layer, index) => {
    const { created, created_by: description } = steps[index] ?? {};
    const annotations = {
      ...layer.annotations,
      ...(created !== undefined && isTime(created) && { [createdAtAnnotation]: created }),
      ...(description !== undefined && description !== '' && { [descriptionAnnotation]: description }),
      [uncompressedAnnotation]: diffIds[index] ?? '',
    };
    return { ...layer, annotations };
  });
  const chain = layers.map(({ digest }, index): CacheLayer => ({ blob: digest, parent: index - 1 }));
  const config = parseInlineRecords(Buffer.from(text, 'base64'), chain);
  return { config, layers: new Map(layers.map((layer) => [layer.digest, layer])) };
}

/**
 * The records of an inline cache for an image, as JSON (BuildKit `cache/remotecache/inline`): results whose layers are
 * all among the image's, and what leads to them. Undefined if there is none.
 *
 * @param config Its blobs are diffIDs, so that it fits the image in any compression.
 * @param diffIds The image's layers, lowest first.
 */
export function inlineRecords(config: CacheConfig, diffIds: readonly Digest[]): Buffer | undefined {
  const places = new Map(diffIds.map((diffId, index) => [diffId, index]));
  const placesOf = (top: number): readonly number[] | undefined => {
    const chain = chainBlobs(config, top);
    if (chain.every((blob, index) => blob === diffIds[index])) return chain.map((_, index) => index);
    const found = chain.map((blob) => places.get(blob));
    return found.every((place) => place !== undefined) ? found : undefined;
  };
  const kept = withResults(config, (record) =>
    (config.records[record]?.layers ?? []).every(({ layer }) => placesOf(layer) !== undefined),
  );
  if (kept.layers.length === 0) return undefined;
  const records = kept.records.map((record) => {
    const results = record.layers.map(({ layer, createdAt }) => {
      const chain = chainBlobs(kept, layer);
      const isPrefix = chain.every((blob, index) => blob === diffIds[index]);
      return { createdAt, isPrefix, indexes: chain.map((blob, index) => (isPrefix ? index : (places.get(blob) ?? 0))) };
    });
    const layers = results.filter(({ isPrefix }) => isPrefix);
    const chains = results.filter(({ isPrefix }) => !isPrefix);
    return wireRecord(
      { ...record, layers: layers.map(({ indexes, createdAt }) => ({ layer: indexes.length - 1, createdAt })) },
      chains.map(({ indexes, createdAt }): WireChain => ({ layers: indexes, createdAt })),
    );
  });
  return Buffer.from(JSON.stringify(records));
}

/** The image config with an inline cache in it; as it was if there are no records. */
export function withInlineCache(image: ImageConfig, records: Buffer | undefined): ImageConfig {
  return records === undefined ? image : { ...image, [inlineCacheKey]: records.toString('base64') };
}

function invalid(reason: string): never {
  throw new CodedError('CACHE_MANIFEST_INVALID', `the cache cannot be read: ${reason}`, { reason });
}
