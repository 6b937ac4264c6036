import { collectExport, type ResolveRemote } from '../../cache/collect-export';
import { droppedWarning } from '../../cache/dropped-warning';
import { exportCache } from '../../cache/export-cache';
import type { ExportableRecord } from '../../cache/exportable-record';
import { referenceInStore, type StoredCacheTarget } from '../../cache/location';
import type { CallOptions, ContentStore } from '../../content/contract';
import type { Digest } from '../../oci/digest';
import type { ProgressSink, VertexEvent } from '../../progress/event';
import type { SolverResult } from '../../solver/contract';
import type { CacheExportReport, CacheSource } from '../contract';
import { layerProgress } from './layer-progress';
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

async function writeCache(
  target: StoredCacheTarget,
  vertex: VertexEvent,
  options: CacheExportOptions,
): Promise<Partial<CacheExportReport>> {
  const { progress, signal } = options;
  const call = signal ? { signal } : {};
  const store = options.store(target.destination);
  const present = options.present.get(store.name);
  const cache = await collectExport(options.records, {
    ...call,
    mode: target.mode,
    resolveRemote: options.resolveRemote(target),
  });
  const layers = layerProgress(vertex, options);
  const outcome = await exportCache(cache, store, {
    ...call,
    tag: referenceInStore(target.destination),
    imageManifest: target.imageManifest,
    ociMediaTypes: target.ociMediaTypes,
    isPresent: (digest) => present?.has(digest) ?? false,
    onLayer: layers.onLayer,
    onBytes: layers.onBytes,
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
