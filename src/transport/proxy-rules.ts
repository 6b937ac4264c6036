import { BlockList, isIP } from 'node:net';
import { CodedError } from '../diagnostics/coded-error';
import { isLoopback } from './hosts';
import { redactUrl } from './redact';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A proxy variable that is no HTTP proxy's URL. */
    PROXY_INVALID: { readonly variable: string };
  }
}

/** Which proxy serves which URL. */
export interface ProxySettings {
  readonly httpProxy?: URL;
  readonly httpsProxy?: URL;
  /** Entries of `NO_PROXY`: host, `.domain`, `*.domain`, `host:port`, address, CIDR, or `*`. */
  readonly noProxy: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads `http_proxy`, `https_proxy` and `no_proxy`; lower case wins, as in curl.
 *
 * @throws CodedError `PROXY_INVALID` for a proxy that is neither `http://` nor `https://`.
 */
export function readProxySettings(env: Environment): ProxySettings {
  const httpProxy = readProxy(env, 'http_proxy');
  const httpsProxy = readProxy(env, 'https_proxy');
  const noProxy = (env['no_proxy'] ?? env['NO_PROXY'] ?? '').split(/[\s,]+/).filter((entry) => entry !== '');
  return {
    noProxy,
    ...(httpProxy === undefined ? {} : { httpProxy }),
    ...(httpsProxy === undefined ? {} : { httpsProxy }),
  };
}

/** The proxy for `url`, or undefined to go straight. Loopback is never proxied. */
export function proxyFor(url: URL, settings: ProxySettings): URL | undefined {
  const proxy = url.protocol === 'https:' ? settings.httpsProxy : settings.httpProxy;
  if (proxy === undefined || isLoopback(url)) return undefined;
  return settings.noProxy.some((entry) => isExempt(url, entry)) ? undefined : proxy;
}

function readProxy(env: Environment, variable: string): URL | undefined {
  const text = env[variable] ?? env[variable.toUpperCase()];
  if (text === undefined || text === '') return undefined;
  const full = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    const shown = url === undefined ? 'not a URL' : redactUrl(url);
    const message = `${variable} is not the URL of an HTTP proxy (${shown})`;
    throw new CodedError('PROXY_INVALID', message, { variable }, { hint: 'give it as http://host:port' });
  }
  return url;
}

function isExempt(url: URL, entry: string): boolean {
  if (entry === '*') return true;
  const host = plainHost(url.hostname);
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  if (entry.includes('/')) return isInNetwork(host, entry);
  const match = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry);
  if (match?.[2] !== undefined && match[2] !== port) return false;
  const name = plainHost(match?.[1] ?? entry).replace(/^\*?\./, '');
  return host === name || (isIP(host) === 0 && host.endsWith(`.${name}`));
}

function isInNetwork(host: string, cidr: string): boolean {
  const [network = '', prefix = ''] = cidr.split('/');
  const version = isIP(host);
  if (version === 0 || isIP(network) !== version || !/^\d{1,3}$/.test(prefix)) return false;
  if (Number(prefix) > (version === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(prefix), version === 4 ? 'ipv4' : 'ipv6');
  return list.check(host, version === 4 ? 'ipv4' : 'ipv6');
}

/** One spelling per host: lower case, no brackets, no final dot, IPv4 inside IPv6 as IPv4. */
function plainHost(text: string): string {
  const bare = text
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
  if (isIP(bare) !== 6) return bare;
  const normal = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(normal);
  if (mapped === null) return normal;
  const words = [parseInt(mapped[1] ?? '', 16), parseInt(mapped[2] ?? '', 16)];
  return words.flatMap((word) => [word >> 8, word & 255]).join('.');
}
