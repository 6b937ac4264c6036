import type { CallOptions, ContentStore } from '../../content/contract';
import type { Descriptor } from '../../oci/descriptor';
import type { Digest } from '../../oci/digest';
import type { PrunedTag, PruneOutcome, PruneReport, PruneRules, Verdict } from './contract';
import { deleteRemedy } from './delete-remedy';
import { mark } from './mark';
import { refresh, survey } from './survey';
import { sweep } from './sweep';

export interface PruneOptions extends CallOptions {
  readonly rules: PruneRules;
  /** Whether anything is deleted; without it, the report says what would be. */
  readonly apply: boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Of the registry, for what to do where it refuses. */
  readonly host: string;
  readonly onProgress?: (part: 'read' | 'delete', done: number, total: number) => void;
}

/**
 * Clears a cache repository of what no live build can hit. See {@link mark} for what stays.
 *
 * Manifests without tags cannot be listed by the distribution API, so they are out of reach, as are the bytes of blobs:
 * registries free these by a garbage collection of their own.
 *
 * Rejects with what keeps the repository from being read, before anything was deleted.
 */
export async function prune(store: ContentStore, options: PruneOptions): Promise<PruneReport> {
  const { apply, host, now, onProgress, rules, signal } = options;
  const call: CallOptions = signal ? { signal } : {};
  const facts = await survey(store, { ...call, onTag: (done, total) => onProgress?.('read', done, total) });
  const verdicts = mark(facts, { ...rules, nowMs: now() });
  const planned: PruneOutcome = { kind: 'planned' };
  if (!apply) return report(store.name, verdicts, { applied: false, outcomeOf: () => planned });

  const total = verdicts.filter(({ keep }) => !keep).length;
  let done = 0;
  const outcomes = await sweep(store, verdicts, {
    ...call,
    review: async () => {
      const nowMs = now();
      return mark(await refresh(store, facts, { ...call, nowMs }), { ...rules, nowMs });
    },
    onManifest: (tags) => onProgress?.('delete', (done += tags), total),
  });
  const isRefused = [...outcomes.values()].some(({ kind }) => kind === 'refused');
  return {
    ...report(store.name, verdicts, { applied: true, outcomeOf: (tag) => outcomes.get(tag) ?? planned }),
    ...(isRefused && { remedy: deleteRemedy(host) }),
  };
}

/** Outcomes after which a tag's manifest is no more, or will be. */
const freeing: ReadonlySet<PruneOutcome['kind']> = new Set(['planned', 'deleted']);

function report(
  repository: string,
  verdicts: readonly Verdict[],
  { applied, outcomeOf }: { readonly applied: boolean; readonly outcomeOf: (tag: string) => PruneOutcome },
): PruneReport {
  const tags = verdicts.map((verdict): PrunedTag => {
    return verdict.keep ? verdict : { ...verdict, outcome: outcomeOf(verdict.facts.tag) };
  });
  const gone = tags.filter(({ outcome }) => outcome && freeing.has(outcome.kind));
  const kept = blobsOf(tags.filter((tag) => !gone.includes(tag) && tag.outcome?.kind !== 'gone'));
  const freed = [...blobsOf(gone)].filter(([digest]) => !kept.has(digest));
  return { repository, applied, tags, freedBytes: bytesOf(freed), keptBytes: bytesOf([...kept]) };
}

function blobsOf(tags: readonly PrunedTag[]): ReadonlyMap<Digest, Descriptor> {
  return new Map(tags.flatMap(({ facts }) => facts.blobs.map((blob) => [blob.digest, blob] as const)));
}

function bytesOf(blobs: readonly (readonly [Digest, Descriptor])[]): number {
  return blobs.reduce((sum, [, { size }]) => sum + size, 0);
}
