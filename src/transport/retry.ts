import { setTimeout as sleep } from 'node:timers/promises';
import { isCodedError } from '../diagnostics/coded-error';
import './transport-errors';

export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly attempts: number;
  /** The longest wait before the second attempt; it doubles with each further one. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** The longest wait that a server's `Retry-After` can cause. */
  readonly maxRetryAfterMs: number;
  /** A server that asks to stay away for longer than this is not asked again: all attempts together are shorter. */
  readonly hopelessRetryAfterMs: number;
  /** 0 to 1; spreads clients that failed together. */
  readonly random: () => number;
}

export const defaultRetryPolicy: RetryPolicy = {
  attempts: 5,
  baseDelayMs: 250,
  maxDelayMs: 8000,
  maxRetryAfterMs: 60_000,
  hopelessRetryAfterMs: 10 * 60_000,
  random: Math.random,
};

/** Attempts where a server lets one wait for nothing until the time is up: each of them costs a minute, and not a moment. */
const attemptsInSilence = 2;

const silence: ReadonlySet<string> = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT']);

export interface RetryOptions {
  readonly policy: RetryPolicy;
  readonly signal?: AbortSignal | undefined;
  /** Asked after each failure that may pass, whether to try again. Default: always. */
  readonly retryable?: () => boolean;
}

/**
 * Runs `attempt` until it succeeds, fails for good, or the attempts are used up; then its last error comes out. This
 * is the only retry loop: whatever an attempt needs afresh (the bytes of a body, an upload session) it opens itself.
 * An abort is never retried, and ends a wait at once.
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  { policy, signal, retryable = () => true }: RetryOptions,
): Promise<T> {
  for (let number = 1; ; number++) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (number >= attemptsAfter(error, policy) || !isTransient(error) || !retryable()) throw error;
      await sleep(delayMs(number, error, policy), undefined, signal === undefined ? {} : { signal });
    }
  }
}

/** Whether the same request may work in a moment. */
export function isTransient(error: unknown): boolean {
  return isCodedError(error, 'REGISTRY_RESPONSE', 'REGISTRY_UNAVAILABLE') && error.detail.transient;
}

/** How many attempts make sense in all, after this failure. */
function attemptsAfter(error: unknown, { attempts, hopelessRetryAfterMs }: RetryPolicy): number {
  if (isCodedError(error, 'REGISTRY_RESPONSE')) {
    return (error.detail.retryAfterMs ?? 0) > hopelessRetryAfterMs ? 1 : attempts;
  }
  const isSilent = isCodedError(error, 'REGISTRY_UNAVAILABLE') && silence.has(error.detail.reason);
  return isSilent ? Math.min(attempts, attemptsInSilence) : attempts;
}

/** How long to wait after failure `number` (from 1): what the server asked for, within bounds, else a jittered backoff. */
export function delayMs(number: number, error: unknown, policy: RetryPolicy): number {
  const asked = isCodedError(error, 'REGISTRY_RESPONSE') ? error.detail.retryAfterMs : undefined;
  const ceiling = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (number - 1));
  const jittered = ceiling * (0.5 + policy.random() / 2);
  // A little on top, or all clients that were told the same second come back in it.
  if (asked !== undefined) return Math.min(asked, policy.maxRetryAfterMs) + policy.random() * policy.baseDelayMs;
  return jittered;
}

/** Reads `Retry-After`: seconds or an HTTP date; undefined for anything else. */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
