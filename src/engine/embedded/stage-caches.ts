import type { ExportableRecord } from '../../cache/exportable-record';
import { recordsBottomUp } from '../../cache/exportable-record';
import { referenceInStore } from '../../cache/location';
import type { CallOptions, ContentStore } from '../../content/contract';
import { isCodedError } from '../../diagnostics/coded-error';
import { Limiter } from '../../content/limiter';
import type { Conversion } from '../../llb/conversion';
import type { Edge, Vertex } from '../../llb/operation';
import type { Digest } from '../../oci/digest';
import { childrenOf, parseManifest } from '../../oci/manifest';
import type { Platform } from '../../oci/platform';
import { cacheMap } from '../../solver/cache-map';
import type { SolverResult } from '../../solver/contract';
import { outputKey } from '../../solver/edge-node';
import type { SolveOutcome } from '../../solver/solve';
import type { BuildRequest, CacheExportReport, StageCache } from '../contract';
import { isForPlatform } from './convert-build';
import { exportToTarget, type CacheExportOptions } from './cache-exports';
import { stageStore, type Uploads } from './stage-store';

/** Stages that are written at a time. */
const concurrentStages = 2;
/** Blobs of one cache that are asked for at a time. */
const concurrentChecks = 8;

/** The graph of one platform. */
export interface PlatformConversion {
  readonly platform: Platform;
  readonly conversion: Conversion;
}

/** A stage that has a result, and where its cache goes. */
export interface CachedStage {
  readonly cache: StageCache;
  readonly edge: Edge;
  /** Of its platform. */
  readonly conversion: Conversion;
}

/** The stages whose caches a request names, in its order; what is no stage of the target is left out. */
export function cachedStages(
  request: BuildRequest,
  conversions: readonly PlatformConversion[],
): readonly CachedStage[] {
  return (request.stageCaches ?? []).flatMap((cache) => {
    const found = conversions.find(({ platform }) => isForPlatform(cache, platform, request));
    const edge = found?.conversion.stages.find(({ index }) => index === cache.stage)?.edge;
    return found && edge ? [{ cache, edge, conversion: found.conversion }] : [];
  });
}

export interface StageCacheExportOptions extends Omit<CacheExportOptions, 'records'> {
  readonly request: BuildRequest;
  readonly builds: readonly PlatformConversion[];
  readonly solved: SolveOutcome<SolverResult>;
}

/**
 * Writes the caches of stages that are not there yet: per stage the records of its own steps with their layers, and of
 * the steps below what it takes to match them. A cache that exists stays as it is, unless it has lost a blob.
 */
export async function exportStageCaches(options: StageCacheExportOptions): Promise<readonly CacheExportReport[]> {
  const { request, builds, solved, signal } = options;
  const limiter = new Limiter(concurrentStages);
  // Contexts and base images are read each time.
  const executed = solved.steps.filter(({ outcome, vertex }) => outcome === 'executed' && vertex.inputs.length > 0);
  const ran = new Set(executed.map(({ vertex }) => vertex.digest));
  const stages = cachedStages(request, builds).map(({ cache, conversion, edge }) => {
    const vertices = verticesOfStage(
      edge,
      conversion.stages.flatMap((stage) => stage.edge ?? []),
    );
    // A ref that was there, and did not serve.
    const isSuspect = cache.state === 'exists' && vertices.some(({ digest }) => ran.has(digest));
    return { cache, vertices, isSuspect };
  });
  const uploads: Uploads = new Map();
  const mayLackBlobs = stages.some(({ cache, isSuspect }) => isSuspect || cache.state === 'broken');
  const reports = await Promise.allSettled(
    stages.map(({ cache, isSuspect, vertices }, index) =>
      limiter.run(async () => {
        const record = solved.observed[index];
        if (record?.digest === undefined) return undefined;
        const store = options.store(cache.target.destination);
        const tag = referenceInStore(cache.target.destination);
        if (cache.state === 'exists' && (!isSuspect || (await isIntact(store, tag, options)))) return undefined;
        return exportToTarget(cache.target, {
          ...options,
          records: [stageRecord(record, recordDigests(vertices))],
          store: () => stageStore(store, { uploads, ...(cache.state === 'missing' && { onceTag: tag }) }),
          // What a broken cache lists says nothing about what is there.
          ...(mayLackBlobs && { present: new Map() }),
        });
      }, signal),
    ),
  );
  const failed = reports.find((report) => report.status === 'rejected');
  if (failed) throw failed.reason as Error;
  return reports.flatMap((report) => (report.status === 'fulfilled' ? (report.value ?? []) : []));
}

/** The steps of a stage: what its result stands on, down to the results of other stages. */
export function verticesOfStage(edge: Edge, stageEdges: readonly Edge[]): readonly Vertex[] {
  const others = new Set(stageEdges.map(({ vertex }) => vertex));
  others.delete(edge.vertex);
  const found = new Set<Vertex>();
  const open = [edge.vertex];
  for (let vertex = open.pop(); vertex !== undefined; vertex = open.pop()) {
    if (found.has(vertex) || others.has(vertex)) continue;
    found.add(vertex);
    open.push(...vertex.inputs.map((input) => input.vertex));
  }
  return [...found];
}

function recordDigests(vertices: readonly Vertex[]): ReadonlySet<Digest> {
  return new Set(
    vertices.flatMap((vertex) => {
      const { digest } = cacheMap(vertex);
      const outputs = vertex.operation.kind === 'exec' ? Math.max(1, vertex.operation.mounts.length) : 1;
      return digest === undefined ? [] : Array.from({ length: outputs }, (_, output) => outputKey(digest, output));
    }),
  );
}

/** The record with all below it, results of other stages' steps left out. */
function stageRecord(top: ExportableRecord<SolverResult>, own: ReadonlySet<Digest>): ExportableRecord<SolverResult> {
  const copies = new Map<ExportableRecord<SolverResult>, ExportableRecord<SolverResult>>();
  for (const record of recordsBottomUp([top])) {
    const inputs = record.inputs.map((links) =>
      links.flatMap((link) => {
        const copy = copies.get(link.record);
        return copy ? [{ ...link, record: copy }] : [];
      }),
    );
    const { digest, result } = record;
    const keeps = record === top || (digest !== undefined && own.has(digest));
    copies.set(record, { digest, inputs, ...(result && keeps && { result }) });
  }
  return copies.get(top) ?? top;
}

/** Whether a cache and everything that its manifest lists is there. */
async function isIntact(store: ContentStore, tag: string, { signal }: CallOptions): Promise<boolean> {
  const call = signal ? { signal } : {};
  try {
    const stored = await store.getManifest(tag, call);
    if (stored === undefined) return false;
    const limiter = new Limiter(concurrentChecks);
    const children = childrenOf(parseManifest(stored.bytes));
    const present = await Promise.all(children.map((child) => limiter.run(() => store.has(child, call), signal)));
    return present.every(Boolean);
  } catch (error) {
    if (isCodedError(error, 'MANIFEST_INVALID', 'BLOB_CORRUPT')) return false;
    throw error;
  }
}
