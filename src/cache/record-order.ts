import { createHash } from 'node:crypto';
import { finishDigest, type Digest } from '../oci/digest';
import type { CacheRecord } from './contract';

/**
 * Indexes of records such that each stands behind all that it links to, or undefined if records link in a circle.
 * Links have to be valid indexes. Linear, and not recursive: a chain may be as long as the config allows.
 */
export function topologicalOrder(records: readonly Pick<CacheRecord, 'inputs'>[]): readonly number[] | undefined {
  const open = new Int32Array(records.length);
  // Links from a record to those that use it, as lists in arrays: a config may have a million of them.
  const firstUse = new Int32Array(records.length).fill(-1);
  const users: number[] = [];
  const nextUse: number[] = [];
  const order: number[] = [];
  for (const [index, { inputs }] of records.entries()) {
    let links = 0;
    for (const input of inputs) {
      for (const { link } of input) {
        links++;
        nextUse.push(firstUse[link] ?? -1);
        firstUse[link] = users.push(index) - 1;
      }
    }
    open[index] = links;
    if (links === 0) order.push(index);
  }
  for (let next = 0; next < order.length; next++) {
    for (let use = firstUse[order[next] ?? 0] ?? -1; use !== -1; use = nextUse[use] ?? -1) {
      const user = users[use] ?? 0;
      const left = (open[user] ?? 0) - 1;
      open[user] = left;
      if (left === 0) order.push(user);
    }
  }
  return order.length === records.length ? order : undefined;
}

/**
 * A digest per record that says what it can be matched by, whatever its index: over its own digest and, for each input,
 * the sorted pairs of selector and identity of the linked record. Equal identities mean equal keys.
 */
export function recordIdentities(
  records: readonly Pick<CacheRecord, 'digest' | 'inputs'>[],
  order: readonly number[] | undefined = topologicalOrder(records),
): readonly Digest[] {
  if (order === undefined) throw new Error('records link in a circle');
  const identities: Digest[] = new Array<Digest>(records.length);
  for (const index of order) {
    const record = records[index];
    if (record === undefined) continue;
    const hash = createHash('sha256').update(record.digest);
    for (const links of record.inputs) {
      const pairs = links.map(({ selector = '', link }) => `${selector.length}:${selector}${identities[link] ?? ''}`);
      hash.update(`\n${[...new Set(pairs)].sort().join('\n\t')}`);
    }
    identities[index] = finishDigest(hash);
  }
  return identities;
}
