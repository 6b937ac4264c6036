import { compressionOfMediaType } from '../../src/compression/layer-types';
import type { CompressionType } from '../../src/compression/contract';
import { uncompressedAnnotation } from '../../src/cache/contract';
import { readStoredCache } from '../../src/cache/read-cache';
import type { ContentStore } from '../../src/content/contract';
import { detectFormat } from '../../src/compression/detect-format';
import { estargzAnnotations } from '../../src/compression/estargz-toc';
import { decompress } from '../../src/compression/decompress';
import { Readable } from 'node:stream';
import { digestOfTar, readBlob } from './image-files';

export interface CacheLayerFacts {
  readonly mediaType: string;
  /** As the first bytes and the annotations tell; the media type agrees with it. */
  readonly compression: CompressionType;
}

export interface CacheFacts {
  /** Media type of the manifest or index. */
  readonly mediaType: string;
  readonly layers: readonly CacheLayerFacts[];
}

/**
 * Reads every layer of a cache and fails if one is not what its descriptor says: size and digest (which the store
 * checks), diffID and media type.
 */
export async function verifyCache(store: ContentStore, reference: string): Promise<CacheFacts> {
  const stored = await readStoredCache(store, reference);
  if (!stored) throw new Error(`there is no cache ${reference} in ${store.name}`);
  const facts: CacheLayerFacts[] = [];
  for (const layer of stored.parts.flatMap(({ layers }) => [...layers.values()])) {
    const packed = await readBlob(store, layer);
    const chunks: Buffer[] = [];
    for await (const chunk of decompress(Readable.from([packed]))) chunks.push(chunk as Buffer);
    const diffId = digestOfTar(Buffer.concat(chunks));
    const expected = layer.annotations?.[uncompressedAnnotation];
    if (diffId !== expected) throw new Error(`layer ${layer.digest} has diffID ${diffId}, not ${String(expected)}`);
    const format = detectFormat(packed);
    const named = compressionOfMediaType(layer.mediaType);
    if (named !== (format === 'none' ? 'uncompressed' : format)) {
      throw new Error(`layer ${layer.digest} of type ${layer.mediaType} is ${format}`);
    }
    const isEstargz = layer.annotations?.[estargzAnnotations.tocDigest] !== undefined;
    facts.push({ mediaType: layer.mediaType, compression: isEstargz ? 'estargz' : named });
  }
  return { mediaType: stored.root.mediaType, layers: facts };
}
