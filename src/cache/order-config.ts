import { createHash } from 'node:crypto';
import { finishDigest, type Digest } from '../oci/digest';
import type { CacheConfig, CacheLayer, CacheLink, CacheRecord } from './contract';
import { recordIdentities, topologicalOrder } from './record-order';

/**
 * The config in canonical order, so that equal caches are equal bytes: layers by blob, records by digest and then by
 * what they link to, as BuildKit's `sortConfig` has it; where BuildKit leaves the order to chance, layers follow their
 * chain and records their identity.
 */
export function orderConfig(config: CacheConfig): CacheConfig {
  return rankConfig(config).config;
}

/** {@link orderConfig}, and for each record of the given config its index in the ordered one. */
export function rankConfig(config: CacheConfig): {
  readonly config: CacheConfig;
  readonly recordRanks: readonly number[];
} {
  const layerRanks = ranks(orderLayers(config.layers));
  const order = topologicalOrder(config.records);
  const identities = recordIdentities(config.records, order);
  const recordOrder = orderRecords(config.records, identities);
  const recordRanks = ranks(recordOrder);
  const rankOf = (of: readonly number[], index: number): number => of[index] ?? -1;
  const ordered: CacheConfig = {
    layers: orderLayers(config.layers).flatMap((index) => {
      const layer = config.layers[index];
      return layer ? [{ blob: layer.blob, parent: layer.parent === -1 ? -1 : rankOf(layerRanks, layer.parent) }] : [];
    }),
    records: recordOrder.flatMap((index) => {
      const record = config.records[index];
      if (!record) return [];
      return [
        {
          digest: record.digest,
          layers: record.layers.map((result) => ({ ...result, layer: rankOf(layerRanks, result.layer) })),
          inputs: record.inputs.map((links) =>
            links.map((link) => ({ ...link, link: rankOf(recordRanks, link.link) })).sort(compareLinks),
          ),
        },
      ];
    }),
  };
  return { config: ordered, recordRanks };
}

function compareLinks(a: CacheLink, b: CacheLink): number {
  return a.link - b.link || compareText(a.selector ?? '', b.selector ?? '');
}

function orderLayers(layers: readonly CacheLayer[]): readonly number[] {
  const chains = chainIdentities(layers);
  return layers
    .map((layer, index) => ({ index, blob: layer.blob, chain: chains[index] ?? '' }))
    .sort((a, b) => compareText(a.blob, b.blob) || compareText(a.chain, b.chain))
    .map(({ index }) => index);
}

/** A digest over a layer and all below it. */
function chainIdentities(layers: readonly CacheLayer[]): readonly Digest[] {
  const asRecords = layers.map(({ parent }) => ({ inputs: parent === -1 ? [] : [[{ link: parent }]] }));
  const identities: Digest[] = new Array<Digest>(layers.length);
  for (const index of topologicalOrder(asRecords) ?? []) {
    const layer = layers[index];
    if (!layer) continue;
    const below = layer.parent === -1 ? '' : (identities[layer.parent] ?? '');
    identities[index] = finishDigest(createHash('sha256').update(below).update(layer.blob));
  }
  return identities;
}

function orderRecords(records: readonly CacheRecord[], identities: readonly Digest[]): readonly number[] {
  const sortKey = (record: CacheRecord): readonly (string | number)[] => [
    record.digest,
    record.inputs.length,
    ...record.inputs.flatMap((links) => [
      links.length,
      ...links
        .map(({ selector = '', link }) => ({ selector, digest: records[link]?.digest ?? '', link }))
        .sort(
          (a, b) =>
            compareText(a.selector, b.selector) ||
            compareText(a.digest, b.digest) ||
            compareText(identities[a.link] ?? '', identities[b.link] ?? ''),
        )
        .flatMap(({ selector, digest }) => [selector, digest]),
    ]),
  ];
  return records
    .map((record, index) => ({ index, key: [...sortKey(record), identities[index] ?? ''] }))
    .sort((a, b) => compareKeys(a.key, b.key))
    .map(({ index }) => index);
}

function compareKeys(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const left = a[index] ?? '';
    const right = b[index] ?? '';
    if (left !== right) return left < right ? -1 : 1;
  }
  return a.length - b.length;
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** From "what stands at this place" to "at which place does this stand". */
function ranks(order: readonly number[]): readonly number[] {
  const result: number[] = new Array<number>(order.length);
  order.forEach((index, rank) => (result[index] = rank));
  return result;
}
