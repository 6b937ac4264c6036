import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { compressionOfMediaType, mediaTypeOfCompression } from '../compression/layer-types';
import type { CompressionOptions, CompressionType } from '../compression/contract';
import { createCompressor } from '../compression/create-compressor';
import { decompress } from '../compression/decompress';
import type { BlobReader, CallOptions } from '../content/contract';
import { Limiter } from '../content/limiter';
import { stoppable } from '../content/stoppable';
import { verifiedStream } from '../content/verify';
import { CodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import { finishDigest, type Digest } from '../oci/digest';
import type { CollectedCache } from './collect-export';
import { createdAtAnnotation, descriptionAnnotation, estargzTocAnnotation, uncompressedAnnotation } from './contract';
import { LayerChains, type ExportLayer } from './layer-chains';
import { rankConfig } from './order-config';
import { chainBlobs } from './reachable-config';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A layer of a cache is, uncompressed, not what the cache says it is. */
    CACHE_LAYER_CORRUPT: { readonly blob: Digest; readonly diffId: string };
  }
}

/** Layers that are converted at once. A compressor uses all cores; a second one fills its pauses. */
const CONCURRENT_LAYERS = 2;
/** Annotations of a layer that are true of it in any compression. */
const lastingAnnotations = [uncompressedAnnotation, createdAtAnnotation, descriptionAnnotation];

export interface ConvertOptions extends CallOptions {
  readonly compression: CompressionOptions;
  /** Where converted layers lie until they are written; whoever calls removes it. */
  readonly temporaryDirectory: string;
  readonly onLayer?: (layer: Descriptor, event: 'started' | 'converted') => void;
}

/**
 * The cache with every layer in one compression: `force-compression`. A layer that has it already stays, unless a level
 * is asked for, which cannot be read off a blob. Layers pass through temporary files, never as a whole through memory,
 * and each is checked against its diffID.
 *
 * @throws CodedError `CACHE_LAYER_CORRUPT`, and what reading, decompressing and compressing throw.
 */
export async function convertLayers(cache: CollectedCache, options: ConvertOptions): Promise<CollectedCache> {
  const { signal, stop } = stoppable(options.signal);
  const limiter = new Limiter(CONCURRENT_LAYERS);
  await mkdir(options.temporaryDirectory, { recursive: true });
  // Two blobs of one content become one layer.
  const byDiffId = new Map<string, ExportLayer[]>();
  for (const layer of cache.layers.values()) {
    const diffId = diffIdOf(layer.descriptor);
    byDiffId.set(diffId, [...(byDiffId.get(diffId) ?? []), layer]);
  }
  const tasks = [...byDiffId.values()].map((layers) =>
    limiter.run(async (): Promise<(readonly [Digest, ExportLayer])[]> => {
      const [first] = layers;
      const done = layers.find(({ descriptor }) => isConverted(descriptor, options.compression));
      if (done === undefined && first) options.onLayer?.(first.descriptor, 'started');
      const converted = done ?? (first && (await convert(first, { ...options, signal })));
      if (done === undefined && first) options.onLayer?.(first.descriptor, 'converted');
      return converted ? layers.map(({ descriptor }) => [descriptor.digest, converted]) : [];
    }, signal),
  );
  try {
    return replaceLayers(cache, new Map((await Promise.all(tasks)).flat()));
  } catch (error) {
    stop(error);
    await Promise.allSettled(tasks);
    options.signal?.throwIfAborted();
    throw error;
  }
}

/** The compression of a layer, as its media type and annotations tell it; undefined for what is none. */
export function compressionOf({ mediaType, annotations }: Descriptor): CompressionType | undefined {
  // That a gzip blob is an estargz only its annotations say.
  return annotations?.[estargzTocAnnotation] === undefined ? compressionOfMediaType(mediaType) : 'estargz';
}

function isConverted(layer: Descriptor, { type, level }: CompressionOptions): boolean {
  return compressionOf(layer) === type && (level === undefined || type === 'uncompressed');
}

async function convert(
  { descriptor, provider }: ExportLayer,
  options: ConvertOptions & { readonly signal: AbortSignal },
): Promise<ExportLayer> {
  const { compression, signal, temporaryDirectory } = options;
  const compressor = createCompressor(compression);
  const path = join(temporaryDirectory, randomUUID());
  const compressed = new HashedBytes();
  const tar = new HashedBytes();
  try {
    const source = decompress(await provider.open(descriptor, { signal }), { signal });
    await pipeline(source, tar.stream, compressor.stream, compressed.stream, createWriteStream(path, { flags: 'wx' }), {
      signal,
    });
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  const diffId = diffIdOf(descriptor);
  if (tar.digest() !== diffId) {
    await rm(path, { force: true });
    const { digest: blob } = descriptor;
    const message = `layer ${blob} of the cache is not ${diffId} when it is decompressed`;
    throw new CodedError('CACHE_LAYER_CORRUPT', message, { blob, diffId });
  }
  const lasting = Object.entries(descriptor.annotations ?? {}).filter(([name]) => lastingAnnotations.includes(name));
  const converted: Descriptor = {
    mediaType: mediaTypeOfCompression(compression.type),
    digest: compressed.digest(),
    size: compressed.sizeBytes,
    annotations: { ...Object.fromEntries(lasting), ...compressor.summary().annotations },
  };
  return { descriptor: converted, provider: fileReader(path) };
}

/** The same records on other layers, in canonical order: layers are ordered by their blobs, which are others now. */
function replaceLayers(cache: CollectedCache, converted: ReadonlyMap<Digest, ExportLayer>): CollectedCache {
  const chains = new LayerChains();
  const records = cache.config.records.map((record) => ({
    ...record,
    layers: record.layers.map((result) => {
      const chain = chainBlobs(cache.config, result.layer).map((blob) => converted.get(blob));
      return { ...result, layer: chains.add(chain.filter((layer) => layer !== undefined)) };
    }),
  }));
  const ranked = rankConfig({ layers: chains.layers, records });
  return {
    config: ranked.config,
    layers: chains.blobs,
    ...(cache.targets && { targets: cache.targets.flatMap((index) => ranked.recordRanks[index] ?? []) }),
  };
}

function diffIdOf({ annotations }: Descriptor): string {
  return annotations?.[uncompressedAnnotation] ?? '';
}

/** Counts and hashes what passes through. */
class HashedBytes {
  readonly #hash = createHash('sha256');
  #sizeBytes = 0;

  readonly stream = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      this.#sizeBytes += chunk.byteLength;
      this.#hash.update(chunk);
      done(null, chunk);
    },
  });

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  digest(): Digest {
    return finishDigest(this.#hash.copy());
  }
}

function fileReader(path: string): BlobReader {
  return {
    has: () => Promise.resolve(true),
    open: (descriptor, options) =>
      Promise.resolve(
        verifiedStream(createReadStream(path), descriptor, {
          store: path,
          ...(options?.signal && { signal: options.signal }),
        }),
      ),
  };
}
