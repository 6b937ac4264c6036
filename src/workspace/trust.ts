import { unreachable } from '../diagnostics/unreachable';
import type { ChangeContext } from './ci/contract';

/**
 * Who may write what others read.
 *
 * - `protected`: what is built from the default branch, from a protected branch or from a protected tag is trusted. All
 *   else (pull requests, other branches, laptops) writes to a repository of its own, which trusted builds never read.
 * - `strict`: as `protected`, but what is not trusted writes nothing.
 * - `open`: everything is trusted, for a cache that only trusted people can reach.
 */
export const trustPresets = ['protected', 'strict', 'open'] as const;
export type TrustPreset = (typeof trustPresets)[number];

export const cacheAccesses = ['read-write', 'read-only', 'off'] as const;
export type CacheAccess = (typeof cacheAccesses)[number];

/** Which of the two repositories of a cache. */
export type CacheSide = 'trusted' | 'untrusted';

/** The mutable ref of a branch. */
export interface Scope {
  readonly side: CacheSide;
  readonly branch: string;
}

/** What one build may read and write. */
export interface CacheRights {
  readonly isTrusted: boolean;
  /** Sides whose stage refs are read, in order. */
  readonly reads: readonly CacheSide[];
  /** The side that stage refs and the scope are written to; undefined if nothing is. */
  readonly writes?: CacheSide;
  /** Scopes to import, nearest first: the branch's own, its base, the default branch. */
  readonly importScopes: readonly Scope[];
  readonly exportScope?: Scope;
}

export interface CacheRightsOptions {
  readonly change: ChangeContext;
  readonly preset: TrustPreset;
  readonly access: CacheAccess;
}

/**
 * What a build may do with the cache. This decides what honest builds do; a job that can write to the trusted
 * repository can do so whatever is decided here, so credentials have to draw the same line.
 */
export function cacheRights({ change, preset, access }: CacheRightsOptions): CacheRights {
  const isTrusted = isTrustedChange(change, preset);
  if (access === 'off') return { isTrusted, reads: [], importScopes: [] };
  const own: CacheSide = isTrusted ? 'trusted' : 'untrusted';
  const reads: readonly CacheSide[] = isTrusted ? ['trusted'] : ['trusted', 'untrusted'];
  const branches = unique([change.branch, change.pullRequest?.baseBranch, change.defaultBranch]);
  const importScopes = branches.flatMap((branch): readonly Scope[] => {
    if (isTrusted) return [{ side: 'trusted', branch }];
    const trusted: Scope = { side: 'trusted', branch };
    // A pull request's branch may have the name of a trusted one, but is not that branch.
    return branch === change.branch ? [{ side: 'untrusted', branch: ownScope(change, branch) }, trusted] : [trusted];
  });
  const mayWrite = access === 'read-write' && (isTrusted || preset !== 'strict');
  if (!mayWrite) return { isTrusted, reads, importScopes };
  const exportScope = change.branch === undefined ? undefined : { side: own, branch: ownScope(change, change.branch) };
  return { isTrusted, reads, writes: own, importScopes, ...(exportScope && { exportScope }) };
}

/** A branch of a fork shares its name with others' branches. */
function ownScope({ pullRequest }: ChangeContext, branch: string): string {
  return pullRequest?.isFork === true ? `pull-${pullRequest.id}/${branch}` : branch;
}

function isTrustedChange(change: ChangeContext, preset: TrustPreset): boolean {
  switch (preset) {
    case 'open':
      return true;
    case 'protected':
    case 'strict':
      if (change.pullRequest !== undefined || change.system === 'git') return false;
      if (change.isProtected === true) return true;
      return change.branch !== undefined && change.branch === change.defaultBranch;
    default:
      return unreachable(preset);
  }
}

function unique(values: readonly (string | undefined)[]): readonly string[] {
  return [...new Set(values.filter((value) => value !== undefined))];
}
