import type { ScopeSet } from './scope';

/** A token of a token endpoint. */
export interface AccessToken {
  readonly value: string;
  /** What it was asked for. The endpoint may have granted less: then the registry says 401 or 403. */
  readonly scopes: ScopeSet;
  /** When to stop using it, in milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** The specification's default where an endpoint names no lifetime (distribution, "token authentication"). */
const defaultLifetimeMs = 60_000;
/** The share of a lifetime that a token is used for; the rest is for the request that it goes out with. */
const usedShare = 0.9;
const maxMarginMs = 60_000;

/**
 * When to stop using a token obtained at `now`: before its `expires_in`, or the `exp` of a JWT if that is sooner or
 * the answer names no lifetime (Quay). A JWT's own `iat` is what its `exp` is measured from, so a wrong clock here
 * does no harm.
 */
export function expiryOf(value: string, expiresInSeconds: unknown, now: number): number {
  const stated = typeof expiresInSeconds === 'number' && expiresInSeconds > 0 ? expiresInSeconds * 1000 : undefined;
  const lifetimes = [stated, jwtLifetimeMs(value, now)].filter((lifetime) => lifetime !== undefined);
  const lifetime = lifetimes.length === 0 ? defaultLifetimeMs : Math.min(...lifetimes);
  return now + Math.max(lifetime * usedShare, lifetime - maxMarginMs);
}

/** How long a JWT is good for, as far as its payload can be read. The signature is the registry's concern. */
function jwtLifetimeMs(value: string, now: number): number | undefined {
  const payload = value.split('.')[1];
  if (payload === undefined) return undefined;
  try {
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Readonly<Record<string, unknown>>;
    const { exp, iat } = claims;
    if (typeof exp !== 'number') return undefined;
    return Math.max(0, exp * 1000 - (typeof iat === 'number' ? iat * 1000 : now));
  } catch {
    return undefined;
  }
}
