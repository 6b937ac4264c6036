import type { CacheConfig, CacheLayer } from './contract';
import { topologicalOrder } from './record-order';

/**
 * The config without the results that `keepResult` gives up, and without all records and layers that nothing needs
 * then: a record stays if it has a result, or leads to one that does. Order and links of what stays are kept.
 */
export function withResults(config: CacheConfig, keepResult: (record: number) => boolean): CacheConfig {
  const { records, layers } = config;
  const stays = new Uint8Array(records.length);
  // Users stand behind what they link to, so that the walk down meets a record after all that need it.
  for (const index of [...(topologicalOrder(records) ?? [])].reverse()) {
    const record = records[index];
    if (record === undefined) continue;
    if (record.layers.length > 0 && keepResult(index)) stays[index] = 1;
    if (stays[index] !== 1) continue;
    for (const links of record.inputs) for (const { link } of links) stays[link] = 1;
  }
  const newIndex = renumber(stays);
  const kept = records.flatMap((record, index) => {
    if (stays[index] !== 1) return [];
    const inputs = record.inputs.map((links) => links.map((item) => ({ ...item, link: newIndex[item.link] ?? 0 })));
    return [{ digest: record.digest, layers: keepResult(index) ? record.layers : [], inputs }];
  });
  const layersKept = new Uint8Array(layers.length);
  for (const record of kept) {
    for (const result of record.layers) {
      for (let layer = result.layer; layer !== -1 && layersKept[layer] !== 1; layer = layers[layer]?.parent ?? -1) {
        layersKept[layer] = 1;
      }
    }
  }
  const newLayer = renumber(layersKept);
  return {
    layers: layers.flatMap(({ blob, parent }, index): readonly CacheLayer[] =>
      layersKept[index] === 1 ? [{ blob, parent: parent === -1 ? -1 : (newLayer[parent] ?? -1) }] : [],
    ),
    records: kept.map((record) => ({
      ...record,
      layers: record.layers.map((result) => ({ ...result, layer: newLayer[result.layer] ?? 0 })),
    })),
  };
}

/** From old indexes to those that the marked ones have among themselves. */
function renumber(marks: Uint8Array): Int32Array {
  const indexes = new Int32Array(marks.length).fill(-1);
  let next = 0;
  marks.forEach((mark, index) => {
    if (mark === 1) indexes[index] = next++;
  });
  return indexes;
}

/** Blobs from the lowest layer up to `top`. */
export function chainBlobs(config: Pick<CacheConfig, 'layers'>, top: number): CacheLayer['blob'][] {
  const blobs: CacheLayer['blob'][] = [];
  for (let layer = config.layers[top]; layer; layer = config.layers[layer.parent]) blobs.push(layer.blob);
  return blobs.reverse();
}
