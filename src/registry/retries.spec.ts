import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import type { BlobSource } from '../content/contract';
import { isCodedError } from '../diagnostics/coded-error';
import { sampleBlob } from '../testing/content-store-contract';
import { FakeRegistry } from '../testing/fake-registry';
import type { FaultEffect } from '../testing/fake-registry-fault';
import { Transport } from '../transport/transport';

const content = randomBytes(300_000);
const blob = sampleBlob(content);
const status = (code: number, more: { headers?: Record<string, string>; body?: string } = {}): FaultEffect => ({
  kind: 'status',
  status: code,
  ...more,
});

/** The blob's source, counting how often it was opened. */
function counted(): { readonly source: BlobSource; readonly opened: () => number } {
  let opened = 0;
  return { source: (options) => (opened++, blob.source(options)), opened: () => opened };
}

describe('requests that failed for the moment', () => {
  const passing: readonly (readonly [what: string, effect: FaultEffect])[] = [
    ['429', status(429)],
    ['500', status(500)],
    ['503 with Retry-After', status(503, { headers: { 'retry-after': '1' } })],
    ['403 without requests left', status(403, { headers: { 'x-ratelimit-remaining': '0' } })],
    ['403 with Retry-After', status(403, { headers: { 'retry-after': '1' } })],
    ['a connection that is reset', { kind: 'reset' }],
  ];
  for (const [what, effect] of passing) {
    test(`${what} is tried again`, async () => {
      await using registry = await FakeRegistry.start({ faults: [{ on: 'HEAD manifest', times: 2, ...effect }] });
      assert.equal(await registry.repository().resolve('v1'), undefined);
      assert.deepEqual(registry.count(), { 'HEAD manifest': 3 });
    });
  }

  test('403 is tried again where its body tells of a rate limit', async () => {
    const body = '{"message":"You have exceeded a secondary rate limit. Please wait a few minutes"}';
    await using registry = await FakeRegistry.start({ faults: [{ on: 'GET manifest', ...status(403, { body }) }] });
    assert.equal(await registry.repository().getManifest('v1'), undefined);
    assert.deepEqual(registry.count(), { 'GET manifest': 2 });
  });

  for (const code of [400, 403, 405, 501]) {
    test(`${code} is not`, async () => {
      await using registry = await FakeRegistry.start({ faults: [{ on: 'HEAD manifest', ...status(code) }] });
      await assert.rejects(registry.repository().resolve('v1'));
      assert.deepEqual(registry.count(), { 'HEAD manifest': 1 });
    });
  }

  test('Retry-After is waited for, up to its cap', async () => {
    await using registry = await FakeRegistry.start();
    const headers = { 'retry-after': '500' };
    registry.addFaults({ on: 'HEAD manifest', ...status(429, { headers }) });
    const start = performance.now();
    await registry.repository('acme/app', { retry: { maxRetryAfterMs: 300 } }).resolve('v1');
    const waitedMs = performance.now() - start;
    assert.ok(waitedMs >= 295 && waitedMs < 5000, `${waitedMs} ms`);
  });

  test('Retry-After of hours is not waited for, and told', async () => {
    await using registry = await FakeRegistry.start();
    registry.addFaults({ on: 'HEAD manifest', ...status(429, { headers: { 'retry-after': '86400' } }), times: 9 });
    await assert.rejects(
      registry.repository('acme/app').resolve('v1'),
      (error) => isCodedError(error, 'REGISTRY_RESPONSE') && String(error.hint).includes('come back in 1440 minutes'),
    );
    assert.deepEqual(registry.count(), { 'HEAD manifest': 1 });
  });

  test('an answer that does not come is given up, and asked for again', async () => {
    await using registry = await FakeRegistry.start({ faults: [{ on: 'HEAD manifest', kind: 'stall' }] });
    await using transport = new Transport({ retry: { baseDelayMs: 1 } });
    const target = '/v2/acme/app/manifests/v1';
    const request = { method: 'HEAD', target, scopes: [], expect: [404], headersTimeoutMs: 100 } as const;
    assert.equal((await transport.registry(registry.host).request(request)).status, 404);
    assert.deepEqual(registry.count(), { 'HEAD manifest': 2 });
  });

  test('a server that never answers is asked twice, and not five times', async () => {
    await using registry = await FakeRegistry.start({ faults: [{ on: 'HEAD manifest', kind: 'stall', times: 9 }] });
    await using transport = new Transport({ retry: { baseDelayMs: 1 } });
    const target = '/v2/acme/app/manifests/v1';
    const request = { method: 'HEAD', target, scopes: [], expect: [404], headersTimeoutMs: 100 } as const;
    await assert.rejects(transport.registry(registry.host).request(request), (error) =>
      isCodedError(error, 'REGISTRY_UNAVAILABLE'),
    );
    assert.deepEqual(registry.count(), { 'HEAD manifest': 2 });
  });

  test('an abort ends a wait for an answer, and is not tried again', async () => {
    await using registry = await FakeRegistry.start({ faults: [{ on: 'HEAD manifest', kind: 'stall', times: 9 }] });
    const reason = new Error('enough');
    const abort = new AbortController();
    setTimeout(() => abort.abort(reason), 50);
    const asked = registry.repository().resolve('v1', { signal: abort.signal });
    await assert.rejects(asked, (error) => error === reason);
    assert.equal(registry.log.length, 1);
  });

  test('attempts have an end, and the last answer comes out', async () => {
    await using registry = await FakeRegistry.start({ faults: [{ on: 'HEAD manifest', times: 99, ...status(429) }] });
    await assert.rejects(registry.repository().resolve('v1'), (error) => {
      assert.ok(isCodedError(error, 'REGISTRY_RESPONSE'));
      assert.deepEqual([error.detail.status, error.detail.transient], [429, true]);
      return true;
    });
    assert.equal(registry.log.length, 5);
  });
});

describe('uploads', () => {
  for (const [what, effect] of [
    ['503', status(503)],
    ['a reset', { kind: 'reset' }],
    ['429', status(429)],
  ] as const) {
    test(`start over with a new session and a new source after ${what} to the PUT`, async () => {
      await using registry = await FakeRegistry.start({ faults: [{ on: 'PUT blob', ...effect }] });
      const { source, opened } = counted();
      const repository = registry.repository();
      assert.equal(await repository.put(blob.descriptor, source), 'written');
      assert.deepEqual(registry.count(), { 'HEAD blob': 1, 'POST blob': 2, 'PUT blob': 2 });
      assert.equal(opened(), 2);
      assert.ok((await buffer(await repository.open(blob.descriptor))).equals(content));
    });
  }

  test('in chunks start over, too', async () => {
    await using registry = await FakeRegistry.start();
    registry.addFaults({ on: 'PATCH blob', after: 1, ...status(503) });
    const repository = registry.repository('acme/app', { uploadChunkBytes: 100_000 });
    assert.equal(await repository.put(blob.descriptor, counted().source), 'written');
    assert.deepEqual(registry.count(), { 'HEAD blob': 1, 'POST blob': 2, 'PATCH blob': 5, 'PUT blob': 1 });
  });

  test('do not ask a broken source again, nor blame the registry for it', async () => {
    await using registry = await FakeRegistry.start();
    const broken = new Error('the disk is gone');
    let opened = 0;
    const source: BlobSource = () => {
      opened++;
      const bytes = function* (): Generator<Buffer> {
        yield content.subarray(0, 1000);
        throw broken;
      };
      return Promise.resolve(Readable.from(bytes(), { objectMode: false }));
    };
    await assert.rejects(registry.repository().put(blob.descriptor, source), (error) => error === broken);
    assert.equal(opened, 1);
  });

  test('are refused for good where the registry says so', async () => {
    await using registry = await FakeRegistry.start({ faults: [{ on: 'PUT blob', ...status(413) }] });
    await assert.rejects(registry.repository().put(blob.descriptor, blob.source), (error) => {
      assert.ok(isCodedError(error, 'REGISTRY_RESPONSE'));
      assert.match(error.hint ?? '', /client_max_body_size/);
      return true;
    });
    assert.equal(registry.count()['PUT blob'], 1);
  });
});

describe('downloads', () => {
  test('go on where they broke', async () => {
    await using registry = await FakeRegistry.start();
    const repository = registry.repository();
    await repository.put(blob.descriptor, blob.source);
    registry.clearLog();
    registry.addFaults({ on: 'GET blob', kind: 'truncate', afterBytes: 100_000 });
    assert.ok((await buffer(await repository.open(blob.descriptor))).equals(content));
    const ranges = registry.log.map(({ headers }) => headers.range);
    assert.equal(ranges.length, 2);
    assert.match(ranges[1] ?? '', /^bytes=\d+-299999$/);
  });

  test('go on where they broke, also where the registry does not know ranges', async () => {
    await using registry = await FakeRegistry.start();
    const repository = registry.repository();
    await repository.put(blob.descriptor, blob.source);
    registry.addFaults(
      { on: 'GET blob', kind: 'truncate', afterBytes: 100_000 },
      { on: 'GET blob', kind: 'status', status: 200, body: content },
    );
    assert.ok((await buffer(await repository.open(blob.descriptor))).equals(content));
    registry.addFaults({ on: 'GET blob', kind: 'status', status: 200, body: content });
    const part = await buffer(await repository.open(blob.descriptor, { range: { start: 1000, end: 5000 } }));
    assert.ok(part.equals(content.subarray(1000, 5000)));
  });

  test('that always break at the same byte come to an end', async () => {
    await using registry = await FakeRegistry.start();
    const repository = registry.repository();
    await repository.put(blob.descriptor, blob.source);
    registry.clearLog();
    registry.addFaults({ on: 'GET blob', kind: 'truncate', afterBytes: 0, times: 99 });
    await assert.rejects(buffer(await repository.open(blob.descriptor)), (error) =>
      isCodedError(error, 'REGISTRY_UNAVAILABLE'),
    );
    assert.equal(registry.log.length, 3);
  });
});
