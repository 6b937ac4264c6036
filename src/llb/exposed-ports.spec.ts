import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseExposedPorts } from './exposed-ports';

const good: Readonly<Record<string, readonly string[]>> = {
  '80': ['80/tcp'],
  '53/UDP': ['53/udp'],
  '9/sctp': ['9/sctp'],
  '8000-8002': ['8000/tcp', '8001/tcp', '8002/tcp'],
  '8080:80': ['80/tcp'],
  '8000-8001:80': ['80/tcp'],
  '127.0.0.1:8080:80/udp': ['80/udp'],
  '[::1]::80': ['80/tcp'],
  '::1:8080:80': ['80/tcp'],
  '0': ['0/tcp'],
};

test('ports, ranges, protocols; addresses and host ports are dropped', () => {
  for (const [word, ports] of Object.entries(good))
    assert.deepEqual(parseExposedPorts(word), { ok: true, ports }, word);
});

test('what is no port is refused', () => {
  for (const word of ['', '/tcp', 'x', '65536', '80/http', '9-8', '-1', '80-', 'host:80:80', '1-3:80-81', 'x:80']) {
    assert.equal(parseExposedPorts(word).ok, false, word);
  }
});
