import type { RecordSource } from '../../cache/contract';
import { importCache } from '../../cache/import-cache';
import { referenceInStore } from '../../cache/location';
import type { CallOptions, ContentStore } from '../../content/contract';
import { unreachable } from '../../diagnostics/unreachable';
import type { Digest } from '../../oci/digest';
import type { ProgressSink } from '../../progress/event';
import type { CacheSource } from '../contract';
import { inVertex } from './progress-vertex';

export interface CacheImports {
  /** In the order in which they were given. */
  readonly sources: readonly RecordSource[];
  /** Blobs that a store is known to have, by the store's name. */
  readonly present: ReadonlyMap<string, ReadonlySet<Digest>>;
}

export interface ImportOptions extends CallOptions {
  readonly store: (source: CacheSource) => ContentStore;
  readonly progress: ProgressSink;
  readonly now: () => number;
}

/** Reads all caches at once. One that cannot be used is one warning, and the build goes on without it. */
export async function importCaches(from: readonly CacheSource[], options: ImportOptions): Promise<CacheImports> {
  const present = new Map<string, Set<Digest>>();
  const imported = await Promise.all(
    from.map(async (source) => {
      const store = options.store(source);
      const outcome = await inVertex(`importing cache manifest from ${source.location}`, options, () =>
        importCache(store, referenceInStore(source), { ...options, name: source.location }),
      );
      switch (outcome.kind) {
        case 'imported': {
          const blobs = present.get(store.name) ?? new Set();
          for (const blob of outcome.blobs) blobs.add(blob);
          present.set(store.name, blobs);
          return [outcome.source];
        }
        case 'missing':
          warn(source, 'CACHE_MISSING', 'there is none yet; the build goes on without it', options.progress);
          return [];
        case 'unusable':
          warn(source, 'CACHE_UNUSABLE', `${outcome.message}; the build goes on without it`, options.progress);
          return [];
        default:
          return unreachable(outcome);
      }
    }),
  );
  return { sources: imported.flat(), present };
}

function warn(source: CacheSource, code: string, reason: string, progress: ProgressSink): void {
  progress({ kind: 'warning', code, message: `cache ${source.location}: ${reason}` });
}
