import type { BlobReader } from '../content/contract';
import type { Descriptor } from '../oci/descriptor';
import { isDigest, type Digest } from '../oci/digest';
import {
  uncompressedAnnotation,
  type CacheConfig,
  type CacheRecord,
  type RecordSource,
  type ResultOrigin,
  type SourceLink,
  type SourceRecord,
  type SourceResult,
} from './contract';
import { chainBlobs } from './reachable-config';
import { compareTimes } from './rfc3339';

/** Turns the blobs of a chain, lowest first, into where its layers are; undefined if one is not known. */
export type OpenChain = (blobs: readonly Digest[]) => ResultOrigin | undefined;

/**
 * A parsed cache config as a source of records. Of a large config only the records that a search meets are unfolded,
 * and nothing is opened before a result is wanted. Records that are equal stay apart.
 */
export function configSource(
  config: CacheConfig,
  options: { readonly name: string; readonly open: OpenChain },
): RecordSource {
  const byDigest = new Map<Digest, number[]>();
  config.records.forEach(({ digest }, index) => {
    const known = byDigest.get(digest);
    if (known) known.push(index);
    else byDigest.set(digest, [index]);
  });
  const records = new ConfigRecords(config, options.open);
  return {
    name: options.name,
    find: (digest) => (byDigest.get(digest) ?? []).flatMap((index) => records.at(index) ?? []),
  };
}

/** Unfolds records, each once. */
class ConfigRecords {
  readonly #unfolded = new Map<number, SourceRecord>();

  constructor(
    readonly config: CacheConfig,
    readonly open: OpenChain,
  ) {}

  at(index: number): SourceRecord | undefined {
    const known = this.#unfolded.get(index);
    const record = this.config.records[index];
    if (known || record === undefined) return known;
    const unfolded = new ConfigRecord(this, record);
    this.#unfolded.set(index, unfolded);
    return unfolded;
  }
}

class ConfigRecord implements SourceRecord {
  #inputs: SourceRecord['inputs'] | undefined;
  #results: SourceRecord['results'] | undefined;

  constructor(
    private readonly records: ConfigRecords,
    private readonly record: CacheRecord,
  ) {}

  get digest(): Digest {
    return this.record.digest;
  }

  /** Not before they are asked for, since that unfolds the linked records, and theirs may be many. */
  get inputs(): SourceRecord['inputs'] {
    return (this.#inputs ??= this.record.inputs.map((links) =>
      links.flatMap(({ selector, link }): readonly SourceLink[] => {
        const record = this.records.at(link);
        if (record === undefined) return [];
        return [selector === undefined ? { record } : { selector, record }];
      }),
    ));
  }

  get results(): SourceRecord['results'] {
    const { config, open } = this.records;
    return (this.#results ??= this.record.layers
      .map((result): SourceResult => ({
        createdAt: result.createdAt,
        open: () => open(chainBlobs(config, result.layer)),
      }))
      .sort((a, b) => compareTimes(b.createdAt, a.createdAt)));
  }
}

/**
 * Chains of layers that a registry holds, by the descriptors of the cache's manifest. A layer whose diffID the manifest
 * does not tell cannot be used.
 */
export function openRemoteChain(descriptors: ReadonlyMap<Digest, Descriptor>, provider: BlobReader): OpenChain {
  return (blobs) => {
    const chain: Descriptor[] = [];
    for (const blob of blobs) {
      const descriptor = descriptors.get(blob);
      if (descriptor === undefined || !isDigest(descriptor.annotations?.[uncompressedAnnotation])) return undefined;
      chain.push(descriptor);
    }
    return { kind: 'remote', remote: { descriptors: chain, provider } };
  };
}
