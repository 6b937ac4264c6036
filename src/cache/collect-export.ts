import type { Descriptor } from '../oci/descriptor';
import type { Digest } from '../oci/digest';
import type { CallOptions } from '../content/contract';
import { uncompressedAnnotation, type CacheConfig, type CacheMode, type Remote } from './contract';
import { recordsBottomUp, type ExportableRecord, type ExportableResult } from './exportable-record';
import { Limiter } from '../content/limiter';
import { LayerChains, type ExportLayer } from './layer-chains';
import { rankConfig } from './order-config';
import { RecordGraph, type GraphLink, type GraphRecord } from './record-graph';
import { compareTimes } from './rfc3339';

/** Results whose layers are made ready at a time; the callback bounds its own compressors. */
const CONCURRENT_RESULTS = 4;

/**
 * Gives the layers of a result as they are to lie in the cache. Undefined if it has none (scratch), or if its layers are
 * gone. What is not compressed yet is to be compressed, or, if `create` is false, makes the answer undefined.
 */
export type ResolveRemote<R> = (
  origin: ExportableResult<R>['origin'],
  options: CallOptions & { readonly create: boolean },
) => Promise<Remote | undefined>;

export interface CollectOptions<R> extends CallOptions {
  readonly mode: CacheMode;
  readonly resolveRemote: ResolveRemote<R>;
}

export interface CollectedCache {
  readonly config: CacheConfig;
  /** Records of what was built, by index, where that is known. */
  readonly targets?: readonly number[];
  readonly layers: ReadonlyMap<Digest, ExportLayer>;
}

/** A result in a graph that is to become a cache. */
export interface GraphResult {
  readonly createdAt: string;
  readonly remote: Remote;
}

/**
 * The cache of a build: its records, with the layers of all of their results (`max`), or with those that the results of
 * `targets` consist of (`min`). Unlike BuildKit's `min`, no other layers get in, even if they are compressed already.
 * A record that has an input without anything that can be matched is left out, and so is what needs it.
 */
export async function collectExport<R>(
  targets: readonly ExportableRecord<R>[],
  options: CollectOptions<R>,
): Promise<CollectedCache> {
  const records = recordsBottomUp(targets);
  const remotes = await resolveResults(records, targets, options);
  const graph = new RecordGraph<GraphResult>();
  const added = new Map<ExportableRecord<R>, GraphRecord<GraphResult>>();
  for (const record of records) {
    const inputs = record.inputs.map((links) =>
      links.flatMap((link): GraphLink<GraphResult>[] => {
        const source = added.get(link.record);
        if (source === undefined) return [];
        return [link.selector === undefined ? { record: source } : { selector: link.selector, record: source }];
      }),
    );
    if (record.digest === undefined || inputs.some((links) => links.length === 0)) continue;
    const remote = remotes.get(record);
    const results = remote && record.result ? [{ createdAt: record.result.createdAt, remote }] : [];
    added.set(record, graph.add(record.digest, inputs, results));
  }
  return graphToCache(
    graph,
    targets.flatMap((target) => added.get(target) ?? []),
  );
}

async function resolveResults<R>(
  records: readonly ExportableRecord<R>[],
  targets: readonly ExportableRecord<R>[],
  options: CollectOptions<R>,
): Promise<ReadonlyMap<ExportableRecord<R>, Remote>> {
  const remotes = new Map<ExportableRecord<R>, Remote>();
  const limiter = new Limiter(CONCURRENT_RESULTS);
  const callOptions = options.signal ? { signal: options.signal } : {};
  const resolve = async (record: ExportableRecord<R>, create: boolean): Promise<void> => {
    const { result } = record;
    if (result === undefined || record.inputs.length === 0) return;
    const remote = await limiter.run(
      () => options.resolveRemote(result.origin, { ...callOptions, create }),
      options.signal,
    );
    if (remote && remote.descriptors.length > 0) remotes.set(record, remote);
  };
  if (options.mode === 'max') {
    await Promise.all(records.map((record) => resolve(record, true)));
    return remotes;
  }
  const tops = await resolveTops(targets, (record) => resolve(record, true), remotes);
  // What the tops stand on is compressed by now; nothing else is worth it.
  const wanted = records.filter((record) => !remotes.has(record) && mayBeBelow(record, tops));
  await Promise.all(wanted.map((record) => resolve(record, false)));
  for (const record of wanted) {
    const remote = remotes.get(record);
    const top = remote && tops.find((candidate) => isPrefix(remote, candidate));
    remotes.delete(record);
    if (remote && top) {
      remotes.set(record, { descriptors: top.descriptors.slice(0, remote.descriptors.length), provider: top.provider });
    }
  }
  return remotes;
}

/** The topmost records with layers: a target of no layers of its own stands for what it depends on. */
async function resolveTops<R>(
  targets: readonly ExportableRecord<R>[],
  resolve: (record: ExportableRecord<R>) => Promise<void>,
  remotes: ReadonlyMap<ExportableRecord<R>, Remote>,
): Promise<readonly Remote[]> {
  const tops: Remote[] = [];
  const seen = new Set<ExportableRecord<R>>();
  for (let level = [...targets]; level.length > 0;) {
    await Promise.all(level.map(resolve));
    const below: ExportableRecord<R>[] = [];
    for (const record of level) {
      seen.add(record);
      const remote = remotes.get(record);
      if (remote) tops.push(remote);
      else below.push(...record.inputs.flatMap((links) => links.map((link) => link.record)));
    }
    level = [...new Set(below)].filter((record) => !seen.has(record));
  }
  return tops;
}

/** Whether what is known of a result without resolving it leaves open that it is part of a target. */
function mayBeBelow<R>(record: ExportableRecord<R>, tops: readonly Remote[]): boolean {
  const origin = record.result?.origin;
  if (origin?.kind === 'remote') return tops.some((top) => isPrefix(origin.remote, top));
  if (origin?.kind === 'layers') {
    return tops.some((top) => origin.diffIds.every((diffId, index) => diffId === diffIdOf(top.descriptors[index])));
  }
  return origin !== undefined;
}

function isPrefix(remote: Remote, top: Remote): boolean {
  return remote.descriptors.every((descriptor, index) => {
    const diffId = diffIdOf(descriptor);
    return diffId !== undefined && diffId === diffIdOf(top.descriptors[index]);
  });
}

function diffIdOf(descriptor: Descriptor | undefined): string | undefined {
  return descriptor?.annotations?.[uncompressedAnnotation];
}

/** The records of a graph as a cache in canonical order, each with its newest result. */
export function graphToCache(
  graph: RecordGraph<GraphResult>,
  targets: readonly GraphRecord<GraphResult>[] = [],
): CollectedCache {
  const records = graph.records();
  const indexes = new Map(records.map((record, index) => [record, index]));
  const chains = new LayerChains();
  const config: CacheConfig = {
    records: records.map((record) => {
      const best = bestResult(record.results);
      return {
        digest: record.digest,
        layers: best ? [{ layer: chains.add(layersOf(best.remote)), createdAt: best.createdAt }] : [],
        inputs: record.inputs.map((links) =>
          links.map(({ selector, record: source }) => {
            const link = indexes.get(source) ?? -1;
            return selector === undefined ? { link } : { selector, link };
          }),
        ),
      };
    }),
    layers: chains.layers,
  };
  const ranked = rankConfig(config);
  return {
    config: ranked.config,
    layers: chains.blobs,
    targets: targets.flatMap((target) => ranked.recordRanks[indexes.get(graph.resolve(target)) ?? -1] ?? []),
  };
}

function layersOf({ descriptors, provider }: Remote): readonly ExportLayer[] {
  return descriptors.map((descriptor) => ({ descriptor, provider }));
}

/** The newest; of equally new ones the same whatever their order. */
function bestResult(results: readonly GraphResult[]): GraphResult | undefined {
  return [...results].sort(
    (a, b) => compareTimes(b.createdAt, a.createdAt) || (chainKey(a.remote) < chainKey(b.remote) ? -1 : 1),
  )[0];
}

function chainKey(remote: Remote): string {
  return remote.descriptors.map(({ digest }) => digest).join();
}
