import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isCodedError } from '../diagnostics/coded-error';
import { FakeRegistry } from '../testing/fake-registry';
import type { FaultEffect } from '../testing/fake-registry-fault';
import { Transport } from './transport';

const found = (body: string): FaultEffect => ({ kind: 'status', status: 200, body });
const moved = (location: string): FaultEffect => ({ kind: 'status', status: 302, headers: { location } });

/** Downloads `/file` from a server on which that goes as `effects` say, one after the other. */
async function download(...effects: readonly FaultEffect[]) {
  await using server = await FakeRegistry.start({ faults: effects.map((effect) => ({ on: 'GET other', ...effect })) });
  await using transport = new Transport({ retry: { baseDelayMs: 1 } });
  const response = await transport.download(new URL(`${server.url}/file`));
  const text = (await response.bytes(1000)).toString();
  return { text, log: [...server.log] };
}

describe('a download of what the user named', () => {
  test('comes without credentials and without an encoding, after redirects and failures that pass', async () => {
    const { text, log } = await download({ kind: 'status', status: 503 }, moved('/elsewhere'), found('content'));
    assert.equal(text, 'content');
    assert.deepEqual(
      log.map(({ target }) => target),
      ['/file', '/file', '/elsewhere'],
    );
    assert.ok(log.every(({ headers }) => headers.authorization === undefined));
    assert.ok(log.every(({ headers }) => headers['accept-encoding'] === 'identity'));
  });

  test('does not follow to other services of this machine or its network', async () => {
    for (const target of ['http://127.0.0.1:1/', 'http://169.254.169.254/', 'http://[::ffff:10.0.0.1]/', 'file:///x']) {
      await assert.rejects(download(moved(target)), (error) => isCodedError(error, 'REDIRECT_REFUSED'));
    }
  });

  test('that is not there is an error with its status', async () => {
    await assert.rejects(download({ kind: 'status', status: 404 }), (error) => {
      assert.ok(isCodedError(error, 'REGISTRY_RESPONSE'));
      assert.equal(error.detail.status, 404);
      return true;
    });
  });
});
