import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodedError } from '../diagnostics/coded-error';
import { defaultRetryPolicy, delayMs, parseRetryAfter, withRetries } from './retry';

const policy = { ...defaultRetryPolicy, baseDelayMs: 1, maxDelayMs: 2, random: () => 0.5 };

function failure({ transient = true, retryAfterMs }: { transient?: boolean; retryAfterMs?: number } = {}): CodedError {
  const detail = { host: 'h', status: 503, codes: [], request: 'GET /', transient };
  return new CodedError('REGISTRY_RESPONSE', 'no', {
    ...detail,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** An attempt that fails with each of the errors in turn, then succeeds with its number. */
function failing(...errors: readonly Error[]): { attempt: () => Promise<number>; calls: () => number } {
  let calls = 0;
  return {
    calls: () => calls,
    attempt: () => {
      const error = errors[calls++];
      return error === undefined ? Promise.resolve(calls) : Promise.reject(error);
    },
  };
}

test('what may pass is tried again, until it works or the attempts are used up', async () => {
  assert.equal(await withRetries(failing(failure(), failure()).attempt, { policy }), 3);
  const hopeless = failing(...Array.from({ length: 9 }, () => failure()));
  await assert.rejects(withRetries(hopeless.attempt, { policy }), { code: 'REGISTRY_RESPONSE' });
  assert.equal(hopeless.calls(), policy.attempts);
});

test('what will not pass, and what is no error of a registry, is not tried again', async () => {
  for (const error of [failure({ transient: false }), new TypeError('bug')]) {
    const once = failing(error);
    await assert.rejects(withRetries(once.attempt, { policy }), (thrown) => thrown === error);
    assert.equal(once.calls(), 1);
  }
});

test('an abort ends a wait at once, with its reason', async () => {
  const abort = new AbortController();
  const reason = new Error('enough');
  const slow = { ...policy, baseDelayMs: 60_000, maxDelayMs: 60_000 };
  const run = withRetries(failing(failure()).attempt, { policy: slow, signal: abort.signal });
  setTimeout(() => abort.abort(reason), 5);
  await assert.rejects(run, (error) => error === reason || (error as Error).cause === reason);
});

test('waits double, are jittered, and have a ceiling; Retry-After counts up to its cap', () => {
  const steps = { ...defaultRetryPolicy, random: () => 1 };
  assert.deepEqual(
    [1, 2, 3, 9].map((number) => delayMs(number, failure(), steps)),
    [250, 500, 1000, 8000],
  );
  assert.equal(delayMs(1, failure(), { ...steps, random: () => 0 }), 125);
  assert.equal(delayMs(1, failure({ retryAfterMs: 3000 }), { ...steps, random: () => 0 }), 3000);
  assert.equal(delayMs(1, failure({ retryAfterMs: 3_600_000 }), { ...steps, random: () => 0 }), 60_000);
});

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  assert.equal(parseRetryAfter('120', now), 120_000);
  assert.equal(parseRetryAfter('Thu, 01 Jan 2026 00:00:30 GMT', now), 30_000);
  assert.equal(parseRetryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now), 0);
  assert.equal(parseRetryAfter('soon', now), undefined);
  assert.equal(parseRetryAfter(undefined, now), undefined);
});
