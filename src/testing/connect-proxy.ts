import { createServer, type IncomingHttpHeaders } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * An HTTP proxy on this machine that leads each host to a local port, so that tests can have registries with names of
 * their own. A host without a port is not reachable.
 */
export class ConnectProxy implements AsyncDisposable {
  /** What it was asked to connect to, with the headers of the question. */
  readonly log: { readonly target: string; readonly headers: IncomingHttpHeaders }[] = [];
  readonly #sockets = new Set<Duplex>();
  readonly #server = createServer();

  private constructor(portOf: (target: string) => number | undefined) {
    this.#server.on('connect', ({ headers, url: target = '' }, client: Socket) => {
      this.log.push({ target, headers });
      this.#keep(client);
      const port = portOf(target);
      if (port === undefined) {
        client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
        return;
      }
      const server = connect(port, '127.0.0.1', () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
      this.#keep(server);
      server.pipe(client).pipe(server);
    });
  }

  static async start(portOf: (target: string) => number | undefined): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(portOf);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #keep(socket: Duplex): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
  }
}
