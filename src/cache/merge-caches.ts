import type { BlobReader } from '../content/contract';
import { CodedError } from '../diagnostics/coded-error';
import { isDigest, type Digest } from '../oci/digest';
import { graphToCache, type CollectedCache, type GraphResult } from './collect-export';
import { uncompressedAnnotation, type CacheConfig, type CacheResult } from './contract';
import type { ExportLayer } from './layer-chains';
import type { CachePart } from './read-cache';
import { chainBlobs, withResults } from './reachable-config';
import { RecordGraph, type GraphRecord } from './record-graph';
import { topologicalOrder } from './record-order';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    /** Caches that would take too long to merge. */
    CACHE_MERGE_TOO_LARGE: { readonly records: number; readonly limit: number };
  }
}

/** Records of all caches that are merged. A cache that BuildKit reads has a tenth of that. */
export const MAX_MERGED_RECORDS = 50_000;

/** A cache that was read, and where the bytes of its layers are. */
export interface CacheInput {
  readonly part: Pick<CachePart, 'config' | 'layers'>;
  readonly provider: BlobReader;
}

/**
 * One cache out of several: equal records become one, with the newest result of all. A single cache stays as it is, in
 * its own order, so that copying it does not change its config. Results whose layers the manifest does not list, or
 * without a diffID, are left out, as no importer could use them.
 *
 * @throws CodedError `CACHE_MERGE_TOO_LARGE`.
 */
export function mergeCaches(inputs: readonly CacheInput[]): CollectedCache {
  const [only] = inputs;
  if (only !== undefined && inputs.length === 1) return asCollected(only);
  const records = inputs.reduce((sum, { part }) => sum + part.config.records.length, 0);
  if (records > MAX_MERGED_RECORDS) {
    const message = `the caches have ${records} records together, more than the ${MAX_MERGED_RECORDS} that are merged`;
    throw new CodedError('CACHE_MERGE_TOO_LARGE', message, { records, limit: MAX_MERGED_RECORDS });
  }
  const graph = new RecordGraph<GraphResult>();
  for (const input of inputs) addTo(graph, input);
  return graphToCache(graph);
}

/** The cache with the layers alone that its topmost results consist of: what `mode=min` would have written of it. */
export function topsOnly(cache: CollectedCache): CollectedCache {
  const { config } = cache;
  const tops = topResults(config).flatMap((record) => config.records[record]?.layers ?? []);
  // A chain is part of a top if its topmost layer lies on the way down from it.
  const wanted = new Uint8Array(config.layers.length);
  for (const { layer: top } of tops) {
    for (let layer = top; layer !== -1 && wanted[layer] !== 1; layer = config.layers[layer]?.parent ?? -1) {
      wanted[layer] = 1;
    }
  }
  const keep = (record: number): boolean =>
    (config.records[record]?.layers ?? []).some(({ layer }) => wanted[layer] === 1);
  return { layers: cache.layers, config: withResults(config, keep) };
}

/** Records with a result that no other record with one stands on. */
function topResults({ records }: CacheConfig): readonly number[] {
  const isBelow = new Uint8Array(records.length);
  const tops: number[] = [];
  for (const index of [...(topologicalOrder(records) ?? [])].reverse()) {
    const record = records[index];
    if (record === undefined) continue;
    const hasResult = record.layers.length > 0;
    if (hasResult && isBelow[index] !== 1) tops.push(index);
    if (!hasResult && isBelow[index] !== 1) continue;
    for (const links of record.inputs) for (const { link } of links) isBelow[link] = 1;
  }
  return tops;
}

function asCollected({ part, provider }: CacheInput): CollectedCache {
  const { config, layers } = part;
  const usable = usableLayers(part);
  const isUsable = (result: CacheResult): boolean => usable[result.layer] === 1;
  const reduced = config.records.every((record) => record.layers.every(isUsable))
    ? config
    : {
        layers: config.layers,
        records: config.records.map((record) => ({ ...record, layers: record.layers.filter(isUsable) })),
      };
  const kept = withResults(reduced, () => true);
  const exported = new Map<Digest, ExportLayer>();
  for (const { blob } of kept.layers) {
    const descriptor = layers.get(blob);
    if (descriptor) exported.set(blob, { descriptor, provider });
  }
  return { config: kept, layers: exported };
}

function addTo(graph: RecordGraph<GraphResult>, { part, provider }: CacheInput): void {
  const { config, layers } = part;
  const usable = usableLayers(part);
  const added: GraphRecord<GraphResult>[] = new Array<GraphRecord<GraphResult>>(config.records.length);
  for (const index of topologicalOrder(config.records) ?? []) {
    const record = config.records[index];
    if (record === undefined) continue;
    const inputs = record.inputs.map((links) =>
      links.flatMap(({ selector, link }) => {
        const source = added[link];
        if (source === undefined) return [];
        return [selector === undefined ? { record: source } : { selector, record: source }];
      }),
    );
    const results = record.layers
      .filter(({ layer }) => usable[layer] === 1)
      .map(({ layer, createdAt }): GraphResult => {
        const descriptors = chainBlobs(config, layer)
          .map((blob) => layers.get(blob))
          .filter((descriptor) => descriptor !== undefined);
        return { createdAt, remote: { descriptors, provider } };
      });
    added[index] = graph.add(record.digest, inputs, results);
  }
}

/** Marks layers that are listed with their diffID, and so are all below them. */
function usableLayers({ config, layers }: CacheInput['part']): Uint8Array {
  const usable = new Uint8Array(config.layers.length);
  const asRecords = config.layers.map(({ parent }) => ({ inputs: parent === -1 ? [] : [[{ link: parent }]] }));
  for (const index of topologicalOrder(asRecords) ?? []) {
    const layer = config.layers[index];
    if (layer === undefined || (layer.parent !== -1 && usable[layer.parent] !== 1)) continue;
    if (isDigest(layers.get(layer.blob)?.annotations?.[uncompressedAnnotation])) usable[index] = 1;
  }
  return usable;
}
