import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { RegistryClient, type RegistryClientOptions } from '../registry/registry-client';
import type { RegistryRepository } from '../registry/registry-repository';
import { createRegistryHandler } from '../registry-server/handler';
import { requestKind } from '../transport/request-counts';
import { Transport, type TransportSettings } from '../transport/transport';
import { FakeAuth, type FakeAuthOptions } from './fake-registry-auth';
import { applyFault, FaultPlan, type Fault } from './fake-registry-fault';
import { TemporaryDirectory } from './temporary-directory';

export interface FakeRegistryOptions {
  /** Default `none`. */
  readonly auth?: FakeAuthOptions['kind'] | (Partial<FakeAuthOptions> & Pick<FakeAuthOptions, 'kind'>);
  readonly faults?: readonly Fault[];
  /** Default true: the referrers API answers. Without it, clients have to use the tag schema. */
  readonly referrers?: boolean;
  /** Time that passes before each answer. Default 0. */
  readonly latencyMs?: number;
}

export interface LoggedRequest {
  /** `PUT blob`, `HEAD manifest`, `token`, `GET other`. */
  readonly kind: string;
  readonly method: string;
  /** With query, as it stood in the request line. */
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
}

/** The credentials that a fake registry with `auth` takes. */
export const fakeCredentials = { username: 'user', password: 'correct-horse' } as const;

/** A real registry on a free port of this machine that asks for tokens, logs what it is asked, and fails on demand. */
export class FakeRegistry implements AsyncDisposable {
  readonly log: LoggedRequest[] = [];
  readonly auth: FakeAuth;
  /** Connections that were opened so far. */
  connections = 0;
  readonly #faults = new FaultPlan();
  readonly #transports: Transport[] = [];
  readonly #server: Server;
  readonly #options: FakeRegistryOptions;

  private constructor(
    options: FakeRegistryOptions,
    private readonly directory: TemporaryDirectory,
  ) {
    const auth = typeof options.auth === 'object' ? options.auth : { kind: options.auth ?? ('none' as const) };
    this.#options = options;
    this.auth = new FakeAuth({ credentials: fakeCredentials, ...auth }, () => this.url);
    this.#faults.add(...(options.faults ?? []));
    const handler = createRegistryHandler({ root: directory.path });
    this.#server = createServer((request, response) => {
      void this.#answer(request, response, () => handler(request, response));
    });
    this.#server.on('connection', () => this.connections++);
  }

  static async start(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
    const registry = new FakeRegistry(options, await TemporaryDirectory.create());
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  /** As references name it: `127.0.0.1:40123`. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  /** Directory of the content, for tests that damage it. */
  get root(): string {
    return this.directory.path;
  }

  addFaults(...faults: readonly Fault[]): void {
    this.#faults.add(...faults);
  }

  /** Requests so far by kind. */
  count(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { kind } of this.log) counts[kind] = (counts[kind] ?? 0) + 1;
    return counts;
  }

  /** Forgets the requests so far. */
  clearLog(): void {
    this.log.length = 0;
  }

  /** A client with the right credentials and short waits, closed with the rig. */
  client(settings: TransportSettings & Omit<RegistryClientOptions, 'transport'> = {}): RegistryClient {
    const { lanes, maxListPages, uploadChunkBytes, ...transportSettings } = settings;
    const transport = new Transport({
      credentials: { get: () => Promise.resolve({ kind: 'password', ...fakeCredentials }) },
      ...transportSettings,
      retry: { baseDelayMs: 1, maxDelayMs: 5, maxRetryAfterMs: 50, ...transportSettings.retry },
    });
    this.#transports.push(transport);
    return new RegistryClient({
      transport,
      ...(lanes === undefined ? {} : { lanes }),
      ...(maxListPages === undefined ? {} : { maxListPages }),
      ...(uploadChunkBytes === undefined ? {} : { uploadChunkBytes }),
    });
  }

  /** A repository of this registry, over a client of its own. */
  repository(repository = 'acme/app', settings?: Parameters<FakeRegistry['client']>[0]): RegistryRepository {
    return this.client(settings).repository({ host: this.host, repository });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.close()));
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.directory[Symbol.asyncDispose]();
  }

  async #answer(request: IncomingMessage, response: ServerResponse, proceed: () => Promise<void>): Promise<void> {
    const { method = 'GET', url = '/', headers } = request;
    const [path = '/', search = ''] = url.split('?', 2);
    const kind = path === '/token' ? 'token' : requestKind(method, path);
    this.log.push({ kind, method, target: url, headers });
    if (this.#options.latencyMs !== undefined) await sleep(this.#options.latencyMs);

    const isToken = kind === 'token';
    const refusal = isToken ? undefined : this.auth.check(request, path);
    // Faults hit requests that would have gone well, so that a test need not count rounds of authentication.
    const fault = refusal === undefined ? this.#faults.take(kind) : undefined;
    if (fault !== undefined && !applyFault(fault, response)) return;
    const answer = isToken ? await this.auth.issue(request, new URLSearchParams(search)) : refusal;
    if (answer !== undefined) {
      response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers }).end(answer.body);
    } else if (kind === 'GET referrers' && this.#options.referrers === false) {
      response.writeHead(404).end();
    } else {
      await proceed();
    }
  }
}
