import type { CodedError } from '../diagnostics/coded-error';
import { Authenticator } from './authenticator';
import type { Connections } from './connections';
import type { CredentialSource } from './credentials';
import { checkHop, type HopRules } from './hop-rules';
import { sendThroughHops, type HopObserver, type HopRequest, type HttpMethod, type RequestBody } from './hop-client';
import type { HttpResponse } from './http-response';
import { Introduction } from './introduction';
import { speaksNoTls } from './origins';
import { responseError } from './response-error';
import { withRetries, type RetryPolicy } from './retry';
import { scopeSet, type RepositoryScope } from './scope';

/** A request of the distribution API. */
export interface RegistryRequest {
  readonly method: HttpMethod;
  /** A path below the registry, such as `/v2/`, or an address that the registry named. */
  readonly target: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
  readonly scopes: readonly RepositoryScope[];
  /** Statuses that the caller handles; all others are thrown as errors. */
  readonly expect: readonly number[];
  readonly headersTimeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface RegistryTransportOptions {
  /** As the user names it: `docker.io`, `localhost:5000`. */
  readonly host: string;
  /** Where its API may be; the others are tried where the first one speaks no TLS. */
  readonly origins: readonly [URL, ...URL[]];
  /** As {@link HopRules} has them. */
  readonly trustedHosts: HopRules['trustedHosts'];
  readonly connections: Connections;
  readonly credentials: CredentialSource;
  readonly retry: RetryPolicy;
  readonly userAgent: string;
  readonly now: () => number;
  readonly observe: HopObserver;
}

/** The first answer may ask for credentials, the second say that they are outdated. */
const maxAuthRounds = 3;

/** The conversation with one registry: authentication, redirects, errors. Made by {@link Transport}. */
export class RegistryTransport {
  readonly host: string;
  readonly retry: RetryPolicy;
  readonly #options: RegistryTransportOptions;
  readonly #auth: Authenticator;
  readonly #rules: { origin: URL; readonly trustedHosts: HopRules['trustedHosts'] };
  /** Empty as soon as the registry has answered: from then on it is where it is. */
  #otherOrigins: readonly URL[];
  readonly #introduction = new Introduction();

  constructor(options: RegistryTransportOptions) {
    const { credentials, host, now, origins, retry, trustedHosts } = options;
    const [origin, ...others] = origins;
    this.host = host;
    this.retry = retry;
    this.#options = options;
    this.#rules = { origin, trustedHosts };
    this.#otherOrigins = others;
    this.#auth = new Authenticator({
      host,
      rules: this.#rules,
      credentials,
      now,
      send: (request) => this.#send(request),
      refuse: (response) => this.#refuse(response),
    });
  }

  /** {@link send} with retries. The answer's body is not covered: it may still break off. */
  request(request: RegistryRequest): Promise<HttpResponse> {
    return withRetries(() => this.send(request), { policy: this.retry, signal: request.signal });
  }

  /**
   * Sends a request once, however many redirects and authentication rounds that takes.
   *
   * @throws CodedError `REGISTRY_RESPONSE`, `REGISTRY_UNAUTHORIZED`, `REGISTRY_UNAVAILABLE`, `REDIRECT_REFUSED`,
   *   `REGISTRY_PROTOCOL`, `CREDENTIALS_UNREADABLE`, or what opening the body threw.
   */
  send(request: RegistryRequest): Promise<HttpResponse> {
    return this.#introduction.run(() => this.#reach(request), request.signal);
  }

  async #reach(request: RegistryRequest): Promise<HttpResponse> {
    for (;;) {
      try {
        return await this.#converse(request);
      } catch (error) {
        const [next, ...others] = this.#otherOrigins;
        if (next === undefined || !speaksNoTls(error)) throw error;
        this.#rules.origin = next;
        this.#otherOrigins = others;
      }
    }
  }

  async #converse(request: RegistryRequest): Promise<HttpResponse> {
    const { origin } = this.#rules;
    const url = this.resolve(request.target);
    // What lies elsewhere gets no credentials of this registry, and what it asks for is not answered.
    const own = url.origin === origin.origin;
    const scopes = scopeSet(request.scopes);
    for (let round = 1; ; round++) {
      const authorization = own ? await this.#auth.header(scopes, request.signal) : undefined;
      const { method, body, headersTimeoutMs, signal } = request;
      const headers = { 'accept-encoding': 'identity', ...request.headers };
      const response = await this.#send({ method, url, headers, authorization, body, headersTimeoutMs, signal });
      this.#otherOrigins = [];
      if (request.expect.includes(response.status)) return response;
      // Read first, so that the question for a token can go over the same connection.
      await response.discard();
      const asked = response.status === 401 && own && response.url.origin === origin.origin;
      const challenge = response.headers['www-authenticate'];
      const again =
        asked && round < maxAuthRounds && (await this.#auth.learn({ url, challenge }, { sent: authorization, signal }));
      if (!again) throw await this.#refuse(response);
    }
  }

  /**
   * The address of a path, or an address that an answer of this registry named, if it is one to go to.
   *
   * @throws CodedError `REDIRECT_REFUSED`.
   */
  resolve(target: string | URL): URL {
    const { origin } = this.#rules;
    if (typeof target === 'string') return new URL(target, origin);
    if (target.origin !== origin.origin) checkHop(origin, target, this.#rules);
    return target;
  }

  #send(request: HopRequest): Promise<HttpResponse> {
    const { connections, observe, userAgent } = this.#options;
    const headers = { 'user-agent': userAgent, ...request.headers };
    return sendThroughHops({ ...request, headers }, { connections, rules: this.#rules, observe });
  }

  #refuse(response: HttpResponse): Promise<CodedError> {
    const { host, now } = this.#options;
    return responseError(response, { host, credentials: this.#auth.hasCredentials, now: now() });
  }
}
