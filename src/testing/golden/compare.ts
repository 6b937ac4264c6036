import type { CacheConfig, CacheLink } from '../../cache/contract';
import { recordIdentities, topologicalOrder } from '../../cache/record-order';
import type { Digest } from '../../oci/digest';
import type { GoldenCase } from './case';

/** A record of `expected.json`. */
export interface GoldenRecord {
  readonly digest: Digest;
  readonly result: boolean;
  readonly inputs?: readonly (readonly CacheLink[])[];
}

/** A record that only one side has. `path` leads from it to the input that is to blame. */
export interface GoldenDifference {
  readonly side: 'missing' | 'unexpected';
  readonly digest: Digest;
  readonly explanation: readonly string[];
}

interface Identified {
  readonly records: readonly { readonly digest: Digest; readonly inputs: readonly (readonly CacheLink[])[] }[];
  readonly identities: readonly Digest[];
  /** Indexes of the records with a result, inputs first. */
  readonly results: readonly number[];
}

/**
 * Compares a cache of ours with the recorded one: the set of identities of all records that have a result. Gives the
 * differences, lowest records first, since one wrong key changes all that depends on it.
 */
export function compareWithGolden(golden: GoldenCase, config: CacheConfig): readonly GoldenDifference[] {
  const expected = identify(golden.expected.records.map((record) => ({ ...record, inputs: record.inputs ?? [] })));
  const actual = identify(
    config.records.map(({ digest, inputs, layers }) => ({ digest, inputs, result: layers.length > 0 })),
  );
  return [...differences(golden, expected, actual, 'missing'), ...differences(golden, actual, expected, 'unexpected')];
}

function identify(records: readonly (Identified['records'][number] & { readonly result: boolean })[]): Identified {
  const order = topologicalOrder(records) ?? [];
  return {
    records,
    identities: recordIdentities(records, order),
    results: order.filter((index) => records[index]?.result),
  };
}

function differences(
  golden: GoldenCase,
  from: Identified,
  other: Identified,
  side: GoldenDifference['side'],
): readonly GoldenDifference[] {
  const known = new Set(other.results.map((index) => other.identities[index]));
  return from.results
    .filter((index) => !known.has(from.identities[index]))
    .map((index) => ({ side, digest: digestAt(from, index), explanation: explain(golden, from, index) }));
}

/** The record, its links, and what is known about the digests in them. */
function explain(golden: GoldenCase, { records, ...rest }: Identified, index: number): readonly string[] {
  const lines: string[] = describe(golden, digestAt({ records, ...rest }, index), '');
  records[index]?.inputs.forEach((links, input) => {
    for (const { selector, link } of links) {
      const digest = digestAt({ records, ...rest }, link);
      lines.push(`  input ${input}: ${digest}${selector === undefined ? '' : ` selector ${selector}`}`);
      lines.push(...describe(golden, digest, '    '));
      if (selector !== undefined) lines.push(...describe(golden, selector, '    '));
    }
  });
  return lines;
}

/** What was hashed to get a digest, followed down to what is no digest of something recorded. */
function describe(golden: GoldenCase, digest: string, indent: string): string[] {
  const preimage = golden.expected.preimages[digest as Digest];
  if (preimage?.data === undefined) return [];
  const text = preimage.data.map((piece) => (typeof piece === 'string' ? piece : `<${piece.skip} bytes>`)).join('');
  const inner = preimage.type === 'string' || preimage.type === 'digest-list' ? text.match(/sha256:[0-9a-f]{64}/g) : [];
  return [
    `${indent}${digest.slice(0, 19)} = ${preimage.type} of ${JSON.stringify(text)}`,
    ...(inner ?? []).flatMap((next) => describe(golden, next, `${indent}  `)),
  ];
}

function digestAt({ records }: Pick<Identified, 'records'>, index: number): Digest {
  const record = records[index];
  if (record === undefined) throw new Error(`no record ${index}`);
  return record.digest;
}
