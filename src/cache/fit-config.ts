import type { CacheConfig, CacheRecord } from './contract';
import { withResults } from './reachable-config';
import { topologicalOrder } from './record-order';
import { compareTimes } from './rfc3339';

/** Bytes of a config, and likewise of a manifest, that BuildKit reads: what has more it refuses, in every version. */
export const BUILDKIT_READ_LIMIT = 1024 * 1024;

/** A result that did not fit. */
export interface DroppedRecord {
  readonly digest: CacheRecord['digest'];
  /** RFC 3339. */
  readonly createdAt: string;
}

export interface FittedConfig {
  readonly config: CacheConfig;
  /** Oldest first; empty if all of it fits. */
  readonly dropped: readonly DroppedRecord[];
}

export interface FitOptions {
  /** Whether a config can be written as it is. If it fits, so does every config with fewer results. */
  readonly fits: (config: CacheConfig) => boolean;
  /** Indexes of the records of the build's target; they and what they stand on are given up last. */
  readonly targets?: readonly number[];
}

/**
 * A config that fits, with as many results as that leaves room for: the oldest are dropped first, those of the target
 * last of all. What is left is a valid cache: records that only led to dropped results go with them, all others stay.
 */
export function fitConfig(config: CacheConfig, options: FitOptions): FittedConfig {
  if (options.fits(config)) return { config, dropped: [] };
  const order = droppingOrder(config, options.targets ?? []);
  const rank = new Int32Array(config.records.length).fill(-1);
  order.forEach((record, place) => (rank[record] = place));
  const without = (count: number): CacheConfig => withResults(config, (record) => (rank[record] ?? -1) >= count);
  // Fewer results never make a config larger, so the count can be found by halving.
  let low = 1;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (options.fits(without(middle))) high = middle;
    else low = middle + 1;
  }
  const dropped = order.slice(0, high).flatMap((index): readonly DroppedRecord[] => {
    const record = config.records[index];
    return record ? [{ digest: record.digest, createdAt: newest(record) }] : [];
  });
  return { config: without(high), dropped };
}

/** Records with results, in the order in which they are given up. */
function droppingOrder(config: CacheConfig, targets: readonly number[]): readonly number[] {
  const { records } = config;
  const isTarget = new Set(targets);
  const below = recordsBelow(config, targets);
  const classOf = (index: number): number => (isTarget.has(index) ? 2 : below[index] === 1 ? 1 : 0);
  return records
    .map((record, index) => ({ record, index }))
    .filter(({ record }) => record.layers.length > 0)
    .map(({ record, index }) => ({ index, rank: classOf(index), time: newest(record) }))
    .sort((a, b) => a.rank - b.rank || compareTimes(a.time, b.time) || a.index - b.index)
    .map(({ index }) => index);
}

function recordsBelow({ records }: CacheConfig, targets: readonly number[]): Uint8Array {
  const below = new Uint8Array(records.length);
  for (const target of targets) below[target] = 1;
  for (const index of [...(topologicalOrder(records) ?? [])].reverse()) {
    if (below[index] !== 1) continue;
    for (const links of records[index]?.inputs ?? []) for (const { link } of links) below[link] = 1;
  }
  return below;
}

function newest({ layers }: CacheRecord): string {
  return layers.reduce((best, { createdAt }) => (compareTimes(createdAt, best) > 0 ? createdAt : best), '');
}
