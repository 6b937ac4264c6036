import { collectExport, type CollectedCache, type ResolveRemote } from '../../cache/collect-export';
import { droppedWarning } from '../../cache/dropped-warning';
import { exportCache, type ExportCacheOutcome } from '../../cache/export-cache';
import type { ExportableRecord } from '../../cache/exportable-record';
import { referenceInStore, type StoredCacheTarget } from '../../cache/location';
import type { CallOptions, ContentStore } from '../../content/contract';
import { isCodedError } from '../../diagnostics/coded-error';
import type { Digest } from '../../oci/digest';
import type { ProgressSink, VertexEvent, WarningEvent } from '../../progress/event';
import { lacksBlobs } from '../../registry/manifest-requests';
import type { SolverResult } from '../../solver/contract';
import type { CacheExportReport, CacheSource } from '../contract';
import { layerProgress } from './layer-progress';
import { surveyLayers, withoutLayers } from './lost-layers';
import { inVertex } from './progress-vertex';

export interface CacheExportOptions extends CallOptions {
  readonly records: readonly ExportableRecord<SolverResult>[];
  /** The layers of a result in the target's compression. */
  readonly resolveRemote: (target: StoredCacheTarget) => ResolveRemote<SolverResult>;
  readonly store: (source: CacheSource) => ContentStore;
  readonly present: ReadonlyMap<string, ReadonlySet<Digest>>;
  readonly progress: ProgressSink;
  readonly now: () => number;
}

/**
 * Writes the build's cache to one target. A failure is a warning where the target says `ignore-error`, and else
 * rejects.
 */
export async function exportToTarget(
  target: StoredCacheTarget,
  options: CacheExportOptions,
): Promise<CacheExportReport> {
  const { location } = target.destination;
  const started = options.now();
  const done = (report: Partial<CacheExportReport>): CacheExportReport => ({
    location,
    layers: 0,
    bytesSent: 0,
    bytesSkipped: 0,
    durationMs: options.now() - started,
    ...report,
  });
  try {
    const report = await inVertex(`exporting cache to ${location}`, options, (vertex) =>
      writeCache(target, vertex, options),
    );
    return done(report);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!target.ignoreError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    options.progress({ kind: 'warning', code: 'CACHE_EXPORT_FAILED', message: `cache ${location}: ${message}` });
    return done({ error: message });
  }
}

function lostWarning(location: string, lost: ReadonlySet<Digest>): WarningEvent {
  const message = `cache ${location}: the registry has lost ${[...lost].sort().join(', ')}; what needs it is left out`;
  return { kind: 'warning', code: 'CACHE_LAYER_LOST', message };
}

async function writeCache(
  target: StoredCacheTarget,
  vertex: VertexEvent,
  options: CacheExportOptions,
): Promise<Partial<CacheExportReport>> {
  const { progress, signal } = options;
  const call = signal ? { signal } : {};
  const store = options.store(target.destination);
  const layers = layerProgress(vertex, options);
  const collect = (lost: ReadonlySet<Digest> = new Set()): Promise<CollectedCache> =>
    collectExport(options.records, {
      ...call,
      mode: target.mode,
      resolveRemote: withoutLayers(options.resolveRemote(target), lost),
    });
  const send = (cache: CollectedCache, present: ReadonlySet<Digest>): Promise<ExportCacheOutcome> =>
    exportCache(cache, store, {
      ...call,
      tag: referenceInStore(target.destination),
      imageManifest: target.imageManifest,
      ociMediaTypes: target.ociMediaTypes,
      ...(target.annotations && { annotations: target.annotations }),
      isPresent: (digest) => present.has(digest),
      onLayer: layers.onLayer,
      onBytes: layers.onBytes,
    });
  const cache = await collect();
  const present = options.present.get(store.name) ?? new Set();
  const outcome = await send(cache, present).catch(async (error: unknown) => {
    if (!lacksBlobs(error) && !isCodedError(error, 'BLOB_MISSING')) throw error;
    // A cache that was imported lists layers that the registry has lost since.
    const { stored, lost } = await surveyLayers(cache.layers.values(), store, call);
    const isNews = lost.size > 0 || [...cache.layers.keys()].some((blob) => present.has(blob) && !stored.has(blob));
    if (!isNews) throw error;
    if (lost.size > 0) progress(lostWarning(target.destination.location, lost));
    return send(lost.size > 0 ? await collect(lost) : cache, stored);
  });
  const warning = droppedWarning(target.destination.location, outcome.dropped);
  if (warning) progress(warning);
  if (outcome.kind === 'empty') return {};
  const moved = [...layers.sent.values()].reduce((sum, bytes) => sum + bytes, 0);
  return {
    manifest: outcome.manifest,
    layers: outcome.layers,
    bytesSent: outcome.bytesWritten,
    bytesSkipped: Math.max(0, outcome.layerBytes - moved),
  };
}
