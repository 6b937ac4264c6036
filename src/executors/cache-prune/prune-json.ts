import type { KeepReason, PrunedTag, PruneReport } from '../../stage-refs/prune/contract';

/** A report as other programs read it. */
export interface PruneJson {
  readonly repository: string;
  readonly applied: boolean;
  /** Counted once per blob; see {@link PruneReport}. */
  readonly freedBytes: number;
  readonly keptBytes: number;
  readonly remedy?: string;
  readonly tags: readonly {
    readonly tag: string;
    readonly kind: string;
    readonly digest: string;
    /** RFC 3339. */
    readonly createdAt?: string;
    /** Of all that the manifest lists, shared or not. */
    readonly bytes: number;
    readonly action: 'keep' | 'delete';
    /** Of what stays. */
    readonly reason?: KeepReason['kind'];
    /** The tag that needs it. */
    readonly neededBy?: string;
    /** Of what goes. */
    readonly outcome?: string;
    readonly problem?: string;
  }[];
}

/** Turns a report into JSON's terms. */
export function pruneJson({ repository, applied, freedBytes, keptBytes, remedy, tags }: PruneReport): PruneJson {
  return {
    repository,
    applied,
    freedBytes,
    keptBytes,
    ...(remedy !== undefined && { remedy }),
    tags: tags.map(({ facts, keep, outcome }) => {
      const problem = outcome && 'message' in outcome ? outcome.message : facts.problem;
      return {
        tag: facts.tag,
        kind: facts.kind,
        digest: facts.digest,
        ...(facts.createdAtMs !== undefined && { createdAt: new Date(facts.createdAtMs).toISOString() }),
        bytes: bytesOf({ facts }),
        action: keep ? 'keep' : 'delete',
        ...(keep && { reason: keep.kind }),
        ...(keep?.kind === 'needed' && { neededBy: keep.by }),
        ...(outcome && { outcome: outcome.kind }),
        ...(problem !== undefined && { problem }),
      };
    }),
  };
}

/** Bytes of everything that a tag's manifest lists, and its own. */
export function bytesOf({ facts }: Pick<PrunedTag, 'facts'>): number {
  const sizes = new Map(facts.blobs.map(({ digest, size }) => [digest, size]));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
