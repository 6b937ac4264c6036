import tls from 'node:tls';
import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import { bodyStallTimeoutMs, connectTimeoutMs, headersTimeoutMs } from './limits';
import { proxyFor, type ProxySettings } from './proxy-rules';

export interface ConnectionSettings {
  /** Default: no proxy. */
  readonly proxy?: ProxySettings;
  /** Certificates (PEM) trusted beside the usual ones. */
  readonly extraCas?: readonly string[];
  /** Hosts (with port, as in a URL) whose certificate is not checked. */
  readonly unverifiedHosts?: ReadonlySet<string>;
}

/** The sockets: made when first needed, kept alive between requests, closed by whoever made this. */
export class Connections {
  readonly #settings: ConnectionSettings;
  readonly #dispatchers = new Map<string, Dispatcher>();

  constructor(settings: ConnectionSettings) {
    this.#settings = settings;
  }

  /** What a request to `url` goes through. */
  dispatcherFor(url: URL): Dispatcher {
    const proxy = this.#settings.proxy === undefined ? undefined : proxyFor(url, this.#settings.proxy);
    const verified = this.#settings.unverifiedHosts?.has(url.host) !== true;
    const key = `${verified} ${proxy?.href ?? ''}`;
    let dispatcher = this.#dispatchers.get(key);
    if (dispatcher === undefined) {
      dispatcher = this.#create(proxy, verified);
      this.#dispatchers.set(key, dispatcher);
    }
    return dispatcher;
  }

  /** Cuts what is still open. */
  async close(): Promise<void> {
    const dispatchers = [...this.#dispatchers.values()];
    this.#dispatchers.clear();
    await Promise.all(dispatchers.map((dispatcher) => dispatcher.destroy()));
  }

  #create(proxy: URL | undefined, verified: boolean): Dispatcher {
    const ca = trustedCas(this.#settings.extraCas ?? []);
    const security = { ...(ca === undefined ? {} : { ca }), rejectUnauthorized: verified };
    const timing = { headersTimeout: headersTimeoutMs, bodyTimeout: bodyStallTimeoutMs };
    if (proxy === undefined) return new Agent({ ...timing, connect: { ...security, timeout: connectTimeoutMs } });
    const authorities = ca === undefined ? {} : { ca };
    return new ProxyAgent({
      ...timing,
      uri: proxy.href,
      requestTls: { ...security, timeout: connectTimeoutMs },
      proxyTls: { ...authorities, timeout: connectTimeoutMs },
    });
  }
}

/** The usual certificates and `extra`; undefined for just the usual ones, which Node then loads itself. */
function trustedCas(extra: readonly string[]): string[] | undefined {
  if (extra.length === 0) return undefined;
  return [...usualCas(), ...extra];
}

/** Node 22.15 and later tell what they trust, with `NODE_EXTRA_CA_CERTS`; before, only the built-in list is known. */
function usualCas(): readonly string[] {
  const { getCACertificates } = tls as { getCACertificates?: (type: 'default') => readonly string[] };
  return getCACertificates?.('default') ?? tls.rootCertificates;
}
