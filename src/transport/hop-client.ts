import type { Readable } from 'node:stream';
import type { Connections } from './connections';
import { unavailable } from './failure';
import { checkHop, refusedHop, type HopRules } from './hop-rules';
import { HttpResponse, type ResponseHeaders } from './http-response';
import { bodyStallTimeoutMs, headersTimeoutMs, maxRedirects } from './limits';
import { redactUrl } from './redact';
import { protocolError, type RequestLabel } from './transport-errors';

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What a request carries. `open` is called anew for each attempt and hop. */
export type RequestBody = { readonly bytes: Uint8Array } | StreamedBody;

export interface StreamedBody {
  readonly sizeBytes: number;
  readonly open: () => Promise<Readable>;
}

export interface HopRequest {
  readonly method: HttpMethod;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent to the origin of `url` only, never to where it redirects. */
  readonly authorization?: string | undefined;
  readonly body?: RequestBody | undefined;
  /** Whether the body proves who we are: then it does not go where a redirect to another origin leads. Default false. */
  readonly bodyIsSecret?: boolean;
  /** Default {@link headersTimeoutMs}. */
  readonly headersTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Told of each HTTP request that was answered, redirects and token requests included. */
export type HopObserver = (hop: { readonly method: HttpMethod; readonly url: URL; readonly status: number }) => void;

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** These ask to repeat the request as it is, body included. */
const repeatingStatuses: ReadonlySet<number> = new Set([307, 308]);

/**
 * Sends a request and follows redirects by hand, each hop under the {@link HopRules}. Answers of any status come back;
 * `REGISTRY_UNAVAILABLE` where there was none, `REDIRECT_REFUSED` where a hop is not allowed.
 */
export async function sendThroughHops(
  request: HopRequest,
  context: { readonly connections: Connections; readonly rules: HopRules; readonly observe: HopObserver },
): Promise<HttpResponse> {
  const { connections, rules, observe } = context;
  const follows = request.method === 'GET' || request.method === 'HEAD' ? redirectStatuses : repeatingStatuses;
  let url = request.url;
  for (let hops = 0; ; hops++) {
    const response = await exchange({ ...request, url }, url.origin === request.url.origin, connections);
    observe({ method: request.method, url, status: response.status });
    const location = response.headers.location;
    if (!follows.has(response.status) || location === undefined) return response;
    await response.discard();
    if (hops >= maxRedirects) throw protocolError(response.label, `more than ${maxRedirects} redirects`);
    const target = resolveUrl(location, url);
    if (target === undefined) throw protocolError(response.label, 'it redirects to what is no URL');
    checkHop(url, target, rules);
    if (request.bodyIsSecret === true && target.origin !== request.url.origin) {
      throw refusedHop(rules, target, 'credentials would go along');
    }
    url = target;
  }
}

/** `text` as an absolute URL; undefined if it is none. */
export function resolveUrl(text: string, base: URL): URL | undefined {
  return URL.canParse(text, base.href) ? new URL(text, base) : undefined;
}

async function exchange(request: HopRequest, withAuth: boolean, connections: Connections): Promise<HttpResponse> {
  const { method, url, signal } = request;
  const label: RequestLabel = { host: url.host, request: `${method} ${redactUrl(url)}` };
  const body = await openBody(request.body);
  let bodyError: unknown;
  if (body.stream !== undefined) body.stream.once('error', (error) => (bodyError = error));
  try {
    const answer = await connections.dispatcherFor(url).request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers: {
        ...request.headers,
        ...(body.headers ?? {}),
        ...(withAuth && request.authorization !== undefined ? { authorization: request.authorization } : {}),
      },
      body: body.stream ?? body.bytes ?? null,
      headersTimeout: request.headersTimeoutMs ?? headersTimeoutMs,
      bodyTimeout: bodyStallTimeoutMs,
      // Without this, undici gives up the connection after each HEAD, and existence checks are most of what we send.
      reset: false,
      ...(signal === undefined ? {} : { signal }),
    });
    return new HttpResponse(answer.statusCode, firstValues(answer.headers), url, label, answer.body);
  } catch (error) {
    signal?.throwIfAborted();
    // A source that broke is not the registry's fault, and says itself what happened.
    if (bodyError !== undefined) throw bodyError as Error;
    throw unavailable(label, error);
  } finally {
    // An answer may come before the body was sent; whoever produces it has to learn that nobody reads on.
    body.stream?.destroy();
  }
}

async function openBody(body: RequestBody | undefined): Promise<{
  readonly stream?: Readable;
  readonly bytes?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}> {
  if (body === undefined) return {};
  if ('bytes' in body) return { bytes: body.bytes, headers: { 'content-length': String(body.bytes.byteLength) } };
  const headers = { 'content-length': String(body.sizeBytes) };
  if (body.sizeBytes === 0) return { headers };
  return { stream: await body.open(), headers };
}

function firstValues(headers: Readonly<Record<string, string | string[] | undefined>>): ResponseHeaders {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}
