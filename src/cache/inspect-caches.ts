import type { CompressionType } from '../compression/contract';
import type { Digest } from '../oci/digest';
import type { Platform } from '../oci/platform';
import { createdAtAnnotation, descriptionAnnotation, uncompressedAnnotation, type CacheConfig } from './contract';
import { compressionOf } from './convert-layers';
import { MAX_CHAIN_LAYERS } from './cache-config';
import type { CachePart } from './read-cache';
import { topologicalOrder } from './record-order';
import { compareTimes } from './rfc3339';

/** Tags of caches of single stages: the stage's name and a hash of what it is built from. */
const stageTag = /^(?<stage>.+)-[0-9a-z]{20,}(?:-image)?$/;

export interface RecordDescription {
  /** Index in the config; links name it. */
  readonly index: number;
  readonly digest: Digest;
  /** RFC 3339, of the newest result; absent for records without one. */
  readonly createdAt?: string;
  /** Layers of the result, all of them and the bytes in them. */
  readonly layers: number;
  readonly bytes: number;
  /** Topmost layer of the result. */
  readonly topLayer?: Digest;
  /** For each input, the records that it can be matched by. */
  readonly inputs: readonly (readonly { readonly record: number; readonly selector?: string }[])[];
  /** Longest way down to a record without inputs; 0 for those. */
  readonly depth: number;
}

export interface LayerDescription {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly mediaType: string;
  readonly compression?: CompressionType;
  readonly diffId?: string;
  readonly createdAt?: string;
  /** The step that made it, where the cache tells. */
  readonly description?: string;
  /** Indexes of the caches that have it. */
  readonly caches: readonly number[];
  /** Results, in all caches, that it is the topmost layer of. */
  readonly results: number;
}

export interface CacheDescription {
  /** The user's text. */
  readonly location: string;
  readonly manifest: Digest;
  readonly mediaType: string;
  readonly kind: CachePart['kind'];
  readonly form: CachePart['form'];
  readonly platform?: Platform;
  /** The stage that it is a cache of, as far as its tag tells. */
  readonly stage?: string;
  readonly manifestBytes: number;
  readonly configBytes: number;
  /** Unique layers, and those that no other of the inspected caches has. */
  readonly layers: number;
  readonly layerBytes: number;
  readonly ownBytes: number;
  readonly results: number;
  /** RFC 3339 */
  readonly oldest?: string;
  readonly newest?: string;
  readonly records: readonly RecordDescription[];
}

/** Bytes that two of the inspected caches have in common. */
export interface SharedBytes {
  readonly caches: readonly [number, number];
  readonly layers: number;
  readonly bytes: number;
}

export interface CachesReport {
  readonly caches: readonly CacheDescription[];
  /** Unique layers of all caches, the largest first. */
  readonly layers: readonly LayerDescription[];
  readonly layerBytes: number;
  /** Pairs that have anything in common, those with the most first. */
  readonly shared: readonly SharedBytes[];
}

/** A cache to be looked at. */
export interface InspectedCache {
  readonly location: string;
  /** The tag it was found by, if there was one. */
  readonly tag?: string;
  readonly part: CachePart;
}

/** Says what is in caches and what they share. Reads no layers. Times are told as they stand: ages are the reader's. */
export function inspectCaches(caches: readonly InspectedCache[]): CachesReport {
  const layers = describeLayers(caches);
  const layerBytes = layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return {
    caches: caches.map((cache, index) => describe(cache, index, layers)),
    layers,
    layerBytes,
    shared: sharing(layers),
  };
}

function describe(cache: InspectedCache, index: number, layers: readonly LayerDescription[]): CacheDescription {
  const { location, part, tag } = cache;
  const own = layers.filter((layer) => layer.caches.includes(index));
  const records = describeRecords(part);
  const times = records.flatMap(({ createdAt }) => createdAt ?? []).sort(compareTimes);
  const [oldest] = times;
  const newest = times.at(-1);
  const stage = stageTag.exec(tag ?? '')?.groups?.['stage'];
  const sum = (list: readonly LayerDescription[]): number => list.reduce((bytes, layer) => bytes + layer.sizeBytes, 0);
  return {
    location,
    manifest: part.manifest.digest,
    mediaType: part.manifest.mediaType,
    kind: part.kind,
    form: part.form,
    ...(part.platform && { platform: part.platform }),
    ...(stage !== undefined && { stage }),
    manifestBytes: part.manifest.size,
    configBytes: part.configBlob.size,
    layers: own.length,
    layerBytes: sum(own),
    ownBytes: sum(own.filter((layer) => layer.caches.length === 1)),
    results: records.filter(({ createdAt }) => createdAt !== undefined).length,
    ...(oldest !== undefined && { oldest }),
    ...(newest !== undefined && { newest }),
    records,
  };
}

function describeRecords(part: CachePart): readonly RecordDescription[] {
  const { config } = part;
  const heights = chainTotals(part);
  const depths = new Int32Array(config.records.length);
  for (const index of topologicalOrder(config.records) ?? []) {
    for (const links of config.records[index]?.inputs ?? []) {
      for (const { link } of links) depths[index] = Math.max(depths[index] ?? 0, (depths[link] ?? 0) + 1);
    }
  }
  return config.records.map((record, index) => {
    const [best] = [...record.layers].sort((a, b) => compareTimes(b.createdAt, a.createdAt));
    const top = best && config.layers[best.layer]?.blob;
    return {
      index,
      digest: record.digest,
      ...(best && { createdAt: best.createdAt }),
      layers: best ? (heights.layers[best.layer] ?? 0) : 0,
      bytes: best ? (heights.bytes[best.layer] ?? 0) : 0,
      ...(top !== undefined && { topLayer: top }),
      inputs: record.inputs.map((links) =>
        links.map(({ link, selector }) => (selector === undefined ? { record: link } : { record: link, selector })),
      ),
      depth: depths[index] ?? 0,
    };
  });
}

/** For each layer of a config, how many are in its chain and how large they are together. */
function chainTotals({ config, layers }: Pick<CachePart, 'config' | 'layers'>): {
  readonly layers: Int32Array;
  readonly bytes: Float64Array;
} {
  const count = new Int32Array(config.layers.length);
  const bytes = new Float64Array(config.layers.length);
  for (const index of layersBottomUp(config)) {
    const layer = config.layers[index];
    if (layer === undefined) continue;
    const below = layer.parent;
    count[index] = Math.min((below === -1 ? 0 : (count[below] ?? 0)) + 1, MAX_CHAIN_LAYERS);
    bytes[index] = (below === -1 ? 0 : (bytes[below] ?? 0)) + (layers.get(layer.blob)?.size ?? 0);
  }
  return { layers: count, bytes };
}

function layersBottomUp({ layers }: CacheConfig): readonly number[] {
  return topologicalOrder(layers.map(({ parent }) => ({ inputs: parent === -1 ? [] : [[{ link: parent }]] }))) ?? [];
}

function describeLayers(caches: readonly InspectedCache[]): readonly LayerDescription[] {
  const found = new Map<Digest, LayerDescription & { caches: number[]; results: number }>();
  for (const [index, { part }] of caches.entries()) {
    for (const descriptor of part.layers.values()) {
      const known = found.get(descriptor.digest);
      if (known) {
        known.caches.push(index);
        continue;
      }
      const { digest, mediaType, size, annotations = {} } = descriptor;
      const compression = compressionOf(descriptor);
      const { [uncompressedAnnotation]: diffId, [createdAtAnnotation]: createdAt } = annotations;
      const description = annotations[descriptionAnnotation];
      found.set(digest, {
        digest,
        sizeBytes: size,
        mediaType,
        ...(compression !== undefined && { compression }),
        ...(diffId !== undefined && { diffId }),
        ...(createdAt !== undefined && { createdAt }),
        ...(description !== undefined && { description }),
        caches: [index],
        results: 0,
      });
    }
    for (const record of part.config.records) {
      for (const { layer } of record.layers) {
        const top = found.get(part.config.layers[layer]?.blob ?? ('' as Digest));
        if (top) top.results++;
      }
    }
  }
  return [...found.values()].sort((a, b) => b.sizeBytes - a.sizeBytes || (a.digest < b.digest ? -1 : 1));
}

function sharing(layers: readonly LayerDescription[]): readonly SharedBytes[] {
  const pairs = new Map<string, { caches: readonly [number, number]; layers: number; bytes: number }>();
  for (const { caches, sizeBytes } of layers) {
    for (const [place, a] of caches.entries()) {
      for (const b of caches.slice(place + 1)) {
        const key = `${a} ${b}`;
        const pair = pairs.get(key) ?? { caches: [a, b] as const, layers: 0, bytes: 0 };
        pair.layers++;
        pair.bytes += sizeBytes;
        pairs.set(key, pair);
      }
    }
  }
  return [...pairs.values()].sort((a, b) => b.bytes - a.bytes);
}
