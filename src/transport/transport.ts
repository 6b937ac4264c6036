import { Connections } from './connections';
import type { CredentialSource } from './credentials';
import { sendThroughHops, type HopObserver } from './hop-client';
import type { HttpResponse } from './http-response';
import { originsOf } from './origins';
import type { ProxySettings } from './proxy-rules';
import { RegistryTransport } from './registry-transport';
import { RequestCounts, requestKind } from './request-counts';
import { responseError } from './response-error';
import { defaultRetryPolicy, withRetries, type RetryPolicy } from './retry';

const defaultUserAgent = 'nx-registry-cache';

export interface TransportSettings {
  /** Default: anonymous access everywhere. */
  readonly credentials?: CredentialSource;
  /** Default: no proxy. */
  readonly proxy?: ProxySettings;
  /** Certificates (PEM) trusted beside the usual ones. */
  readonly extraCas?: readonly string[];
  /** Hosts (with port) that may speak plain HTTP, show any certificate, and be internal addresses. */
  readonly insecureRegistries?: readonly string[];
  readonly retry?: Partial<RetryPolicy>;
  /** Default `nx-registry-cache`. */
  readonly userAgent?: string;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  readonly observe?: HopObserver;
}

/** All conversations with registries, over one set of connections. Whoever makes one closes it. */
export class Transport implements AsyncDisposable {
  readonly #settings: TransportSettings;
  readonly #insecure: ReadonlySet<string>;
  readonly #connections: Connections;
  readonly #registries = new Map<string, RegistryTransport>();
  readonly #requests = new RequestCounts();

  constructor(settings: TransportSettings = {}) {
    this.#settings = settings;
    this.#insecure = new Set(settings.insecureRegistries ?? []);
    const { extraCas, proxy } = settings;
    this.#connections = new Connections({
      unverifiedHosts: this.#insecure,
      ...(extraCas === undefined ? {} : { extraCas }),
      ...(proxy === undefined ? {} : { proxy }),
    });
  }

  /** The conversation with the registry of a reference's host; the same one on each call. */
  registry(host: string): RegistryTransport {
    let registry = this.#registries.get(host);
    if (registry === undefined) {
      registry = this.#open(host);
      this.#registries.set(host, registry);
    }
    return registry;
  }

  /**
   * Gets what lies behind an address that the user named, such as the source of an `ADD`, without credentials.
   *
   * @throws CodedError `REGISTRY_RESPONSE`, `REGISTRY_UNAVAILABLE`, `REDIRECT_REFUSED`.
   */
  download(url: URL, options: { readonly signal?: AbortSignal } = {}): Promise<HttpResponse> {
    const { now, retry, userAgent } = this.#settings;
    const context = {
      connections: this.#connections,
      rules: { origin: url, trustedHosts: this.#insecure },
      observe: this.#observe,
    };
    const headers = { 'accept-encoding': 'identity', 'user-agent': userAgent ?? defaultUserAgent };
    const get = async (): Promise<HttpResponse> => {
      const response = await sendThroughHops({ method: 'GET', url, headers, ...options }, context);
      if (response.status === 200) return response;
      throw await responseError(response, { host: url.host, credentials: false, now: (now ?? Date.now)() });
    };
    return withRetries(get, { policy: { ...defaultRetryPolicy, ...retry }, signal: options.signal });
  }

  /** Requests that were answered, by kind: `HEAD manifest`, `PUT blob`, `GET other` (tokens, redirects elsewhere). */
  requestCounts(): Readonly<Record<string, number>> {
    return this.#requests.report();
  }

  /** Cuts all connections. */
  close(): Promise<void> {
    return this.#connections.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(host: string): RegistryTransport {
    const { credentials, now, retry, userAgent } = this.#settings;
    return new RegistryTransport({
      host,
      origins: originsOf(host, this.#insecure),
      trustedHosts: this.#insecure,
      connections: this.#connections,
      credentials: credentials ?? { get: () => Promise.resolve(undefined) },
      retry: { ...defaultRetryPolicy, ...retry },
      userAgent: userAgent ?? defaultUserAgent,
      now: now ?? Date.now,
      observe: this.#observe,
    });
  }

  readonly #observe: HopObserver = (hop) => {
    this.#requests.add(requestKind(hop.method, hop.url.pathname));
    this.#settings.observe?.(hop);
  };
}
