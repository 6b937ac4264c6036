import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCodedError } from '../diagnostics/coded-error';
import { proxyFor, readProxySettings } from './proxy-rules';

const env = { HTTPS_PROXY: 'proxy.example:3128', http_proxy: 'http://plain.example' };

test('each protocol has its proxy, lower case first', () => {
  const settings = readProxySettings({ ...env, https_proxy: 'http://lower.example:1' });
  assert.equal(proxyFor(new URL('https://ghcr.io/'), settings)?.host, 'lower.example:1');
  assert.equal(proxyFor(new URL('http://ghcr.io/'), settings)?.host, 'plain.example');
  assert.equal(proxyFor(new URL('https://ghcr.io/'), readProxySettings({})), undefined);
});

const exempt: readonly (readonly [noProxy: string, url: string, proxied: boolean])[] = [
  ['', 'https://ghcr.io/', true],
  ['*', 'https://ghcr.io/', false],
  ['ghcr.io', 'https://GHCR.io/', false],
  ['ghcr.io', 'https://api.ghcr.io/', false],
  ['ghcr.io', 'https://notghcr.io/', true],
  ['.corp.example', 'https://r.corp.example/', false],
  ['*.corp.example', 'https://r.corp.example/', false],
  ['r.example:5000', 'https://r.example:5000/', false],
  ['r.example:5000', 'https://r.example/', true],
  ['r.example:443', 'https://r.example/', false],
  ['10.0.0.0/8', 'https://10.1.2.3/', false],
  ['10.0.0.0/8', 'https://11.1.2.3/', true],
  ['10.0.0.0/99', 'https://10.1.2.3/', true],
  ['10.0.0.1', 'https://[::ffff:a00:1]/', false],
  ['[2001:db8::1]', 'https://[2001:DB8:0:0::1]/', false],
  ['::ffff:7f00:1', 'https://127.0.0.1/', false],
  ['a.example, b.example', 'https://b.example/', false],
  ['ghcr.io.', 'https://ghcr.io/', false],
  ['', 'https://localhost:5000/', false],
  ['', 'https://127.0.0.2/', false],
];
for (const [noProxy, url, proxied] of exempt) {
  test(`NO_PROXY "${noProxy}" sends ${url} ${proxied ? 'through the proxy' : 'straight'}`, () => {
    const settings = readProxySettings({ ...env, NO_PROXY: noProxy });
    assert.equal(proxyFor(new URL(url), settings) !== undefined, proxied);
  });
}

test('what is no HTTP proxy is refused without repeating its password', () => {
  assert.throws(
    () => readProxySettings({ https_proxy: 'socks5://user:hunter2@proxy.example' }),
    (error) => isCodedError(error, 'PROXY_INVALID') && !error.message.includes('hunter2'),
  );
});
