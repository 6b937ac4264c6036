import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCodedError } from '../diagnostics/coded-error';
import { checkHop } from './hop-rules';

const registry = 'https://registry.example';

/** From the registry at `origin` to `target`. */
function hop(target: string, { origin = registry, trusted = [] as readonly string[] } = {}): string {
  try {
    const from = new URL(origin);
    checkHop(from, new URL(target), { origin: from, trustedHosts: new Set(trusted) });
    return 'allowed';
  } catch (error) {
    assert.ok(isCodedError(error, 'REDIRECT_REFUSED'));
    return error.detail.reason;
  }
}

const internal = 'it is an address of a private network';

test('a public registry may point at public HTTPS addresses and at itself', () => {
  assert.equal(hop('https://cdn.example/blob?sig=1'), 'allowed');
  assert.equal(hop('https://registry.example/v2/'), 'allowed');
  assert.equal(hop('https://10.0.0.1:5000/x', { origin: 'https://10.0.0.1:5000' }), 'allowed');
});

for (const address of [
  '10.0.0.1',
  '127.0.0.1',
  '169.254.169.254',
  '172.31.255.255',
  '192.168.1.1',
  '100.64.0.1',
  '0.0.0.0',
  '[::]',
  '[::1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:169.254.169.254]',
  '[fe80::1]',
  '[fd00::1]',
  '[64:ff9b::a9fe:a9fe]',
  'localhost',
  'api.localhost',
  'localhost.',
  '2130706433',
  '0x7f.1',
]) {
  test(`it may not point at ${address}`, () => assert.equal(hop(`https://${address}/token`), internal));
}

test('it may not point at plain HTTP, at other protocols, or hand out credentials', () => {
  assert.equal(hop('http://cdn.example/'), 'it leads from HTTPS to plain HTTP');
  assert.equal(hop('http://registry.example/'), 'it leads from HTTPS to plain HTTP');
  assert.equal(hop('file:///etc/passwd'), 'it is not HTTP');
  assert.equal(hop('https://user:pass@cdn.example/'), 'it carries credentials');
});

test('a local registry may not point at other local ports, nor at plain HTTP elsewhere', () => {
  const origin = 'http://127.0.0.1:5000';
  assert.equal(hop('http://127.0.0.1:5000/v2/', { origin }), 'allowed');
  assert.equal(hop('http://127.0.0.1:6000/', { origin }), internal);
  assert.equal(hop('http://public.example/', { origin }), 'it is plain HTTP');
  assert.equal(hop('https://public.example/', { origin }), 'allowed');
});

test('what the user trusts is allowed, for exactly that port', () => {
  assert.equal(hop('https://10.0.0.1:8443/', { trusted: ['10.0.0.1:8443'] }), 'allowed');
  assert.equal(hop('https://10.0.0.1:8444/', { trusted: ['10.0.0.1:8443'] }), internal);
});
