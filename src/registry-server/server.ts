import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectGarbage } from './garbage';
import { createRegistryHandler, openStorage, type RegistryHandlerOptions } from './handler';
import { StorageLayout } from './layout';
import { cannotListen, openRoot } from './start-errors';

export interface RegistryServerOptions extends RegistryHandlerOptions {
  /** Address to listen on. Default `127.0.0.1`: nobody else can reach the registry. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
}

export interface RegistryServer extends AsyncDisposable {
  /** `http://127.0.0.1:5000`, without a slash at the end. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Takes no new requests, waits for running ones for a moment, then cuts them. */
  close(): Promise<void>;
}

/** Uploads untouched for so long are taken for given up. */
const abandonedUploadMs = 24 * 60 * 60 * 1000;
/** Time between two looks for garbage. */
const sweepIntervalMs = 60 * 60 * 1000;
/** A connection on which nothing moves for so long is cut. */
const idleSocketMs = 5 * 60 * 1000;
const closeGraceMs = 2000;

/**
 * Serves a directory as an OCI registry. Any number of processes may serve the same directory.
 *
 * @throws CodedError `REGISTRY_SERVER_ADDRESS` where it cannot listen, `REGISTRY_SERVER_ROOT` where it cannot write.
 */
export async function startRegistryServer(options: RegistryServerOptions): Promise<RegistryServer> {
  await openRoot(options.root);
  const { uploads } = openStorage(options.root);
  const stop = new AbortController();
  const sweep = (): Promise<void> => uploads.sweep(abandonedUploadMs, Date.now()).catch(() => undefined);
  // What one process cannot free, another one or the next run can.
  const collect = (): Promise<unknown> =>
    collectGarbage(new StorageLayout(options.root), { now: Date.now(), signal: stop.signal }).catch(() => undefined);
  await sweep();

  const handler = createRegistryHandler(options);
  const server = createServer((request, response) => void handler(request, response));
  // A large blob may take as long as it takes, as long as bytes keep coming.
  server.requestTimeout = 0;
  server.timeout = idleSocketMs;
  await listen(server, options.port ?? 0, options.host ?? '127.0.0.1');
  // Beside the first requests, not before them.
  let cleaning = collect();
  const timer = setInterval(() => {
    cleaning = cleaning.then(sweep).then(collect);
  }, sweepIntervalMs).unref();

  const { address, family, port } = server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    clearInterval(timer);
    stop.abort();
    closing ??= Promise.all([shutDown(server), cleaning]).then(() => undefined);
    return closing;
  };
  return { url: `http://${host}:${port}`, host: address, port, close, [Symbol.asyncDispose]: close };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(cannotListen(host, port, error));
    server.once('error', fail);
    server.listen({ port, host }, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

function shutDown(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), closeGraceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
