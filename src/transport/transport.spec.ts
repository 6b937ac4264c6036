import assert from 'node:assert/strict';
import { createServer as createPlainServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createSocketServer, type AddressInfo, type Server } from 'node:net';
import { describe, test } from 'node:test';
import { isCodedError } from '../diagnostics/coded-error';
import { ConnectProxy } from '../testing/connect-proxy';
import { selfSigned } from '../testing/self-signed-certificate';
import { Transport, type TransportSettings } from './transport';

const host = 'registry.test:5000';

/** A server of one kind that `host` leads to, through a proxy, with what it was asked. */
async function rig(
  kind: 'plain' | 'tls' | 'none',
  { location, ...settings }: Omit<TransportSettings, 'proxy'> & { readonly location?: string } = {},
) {
  const asked: { readonly method: string; readonly encrypted: boolean; readonly headers: IncomingHttpHeaders }[] = [];
  const listener: RequestListener = ({ headers, method = '', socket }, response) => {
    asked.push({ method, encrypted: 'encrypted' in socket, headers });
    response.writeHead(location === undefined ? 200 : 301, location === undefined ? {} : { location }).end();
  };
  const server = kind === 'tls' ? createTlsServer(selfSigned, listener) : createPlainServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const proxy = await ConnectProxy.start((target) => (kind !== 'none' && target === host ? port : undefined));
  const url = new URL(proxy.url);
  url.username = 'me';
  url.password = 'proxy-password';
  const transport = new Transport({
    proxy: { httpProxy: url, httpsProxy: url, noProxy: [] },
    retry: { baseDelayMs: 1, attempts: 2 },
    ...settings,
  });
  const ask = async (): Promise<number> => {
    const request = { method: 'GET', target: '/v2/', scopes: [], expect: [200] } as const;
    const response = await transport.registry(host).request(request);
    await response.discard();
    return response.status;
  };
  const close = async (): Promise<void> => {
    await transport.close();
    await proxy[Symbol.asyncDispose]();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { ask, asked, proxy, [Symbol.asyncDispose]: close };
}

const isUnavailable = (error: unknown): boolean => isCodedError(error, 'REGISTRY_UNAVAILABLE');

describe('a registry that is not on this machine', () => {
  test('is never asked without TLS', async () => {
    await using plain = await rig('plain');
    await assert.rejects(plain.ask(), isUnavailable);
    assert.deepEqual(plain.asked, []);
  });

  test('has to have a certificate that is trusted', async () => {
    await using stranger = await rig('tls');
    await assert.rejects(stranger.ask(), (error) => {
      assert.ok(isCodedError(error, 'REGISTRY_UNAVAILABLE'));
      assert.match(error.hint ?? '', /NODE_EXTRA_CA_CERTS/);
      return true;
    });
    await using known = await rig('tls', { extraCas: [selfSigned.cert] });
    assert.equal(await known.ask(), 200);
  });

  test('may have any certificate, or no TLS, where the user lists it as insecure', async () => {
    for (const kind of ['tls', 'plain'] as const) {
      await using insecure = await rig(kind, { insecureRegistries: [host] });
      assert.deepEqual([await insecure.ask(), await insecure.ask()], [200, 200]);
      assert.deepEqual(
        insecure.asked.map(({ encrypted }) => encrypted),
        [kind === 'tls', kind === 'tls'],
      );
    }
  });

  test('that cannot be reached is unavailable, insecure or not', async () => {
    for (const insecureRegistries of [[], [host]]) {
      await using gone = await rig('none', { insecureRegistries });
      await assert.rejects(gone.ask(), (error) => {
        assert.ok(isCodedError(error, 'REGISTRY_UNAVAILABLE'));
        assert.doesNotMatch(JSON.stringify([error.message, error.detail]), /proxy-password/);
        return true;
      });
    }
  });

  test('does not lead from TLS to plain HTTP, not even where plain HTTP would do', async () => {
    for (const location of ['http://registry.test:5000/v2/', 'http://127.0.0.1:1/', 'http://other.test/']) {
      for (const insecureRegistries of [[], [host, '127.0.0.1:1', 'other.test']]) {
        await using rigged = await rig('tls', { location, insecureRegistries, extraCas: [selfSigned.cert] });
        await assert.rejects(rigged.ask(), (error) => {
          assert.ok(isCodedError(error, 'REDIRECT_REFUSED'));
          assert.equal(error.detail.reason, 'it leads from HTTPS to plain HTTP');
          return true;
        });
        assert.equal(rigged.asked.length, 1);
      }
    }
  });

  test('does not learn the password of the proxy', async () => {
    await using proxied = await rig('plain', { insecureRegistries: [host] });
    await proxied.ask();
    assert.ok(proxied.proxy.log.every(({ headers }) => headers['proxy-authorization']?.startsWith('Basic ')));
    assert.equal(proxied.asked[0]?.headers['proxy-authorization'], undefined);
  });
});

test('a server that sends a body after a HEAD does not spoil what follows', async () => {
  const server: Server = createSocketServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      for (const line of data.toString().matchAll(/^(GET|HEAD) \S+ HTTP/gm)) {
        const body = line[1] === 'HEAD' ? 'surprise' : 'good';
        socket.write(`HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const transport = new Transport({ retry: { baseDelayMs: 1 } });
  try {
    const registry = transport.registry(`127.0.0.1:${(server.address() as AddressInfo).port}`);
    for (const method of ['HEAD', 'GET', 'HEAD', 'HEAD', 'GET'] as const) {
      const response = await registry.request({ method, target: '/v2/', scopes: [], expect: [200] });
      assert.equal((await response.bytes(100)).toString(), method === 'GET' ? 'good' : '');
    }
  } finally {
    await transport.close();
    server.close();
  }
});
