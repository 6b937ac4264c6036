import type { CodedError } from '../diagnostics/coded-error';
import { expiryOf, type AccessToken } from './access-token';
import { basicHeader, type Credentials } from './credentials';
import type { HopRequest } from './hop-client';
import type { HttpResponse } from './http-response';
import { maxTokenBodyBytes } from './limits';
import { formatScopes, type ScopeSet } from './scope';
import { protocolError } from './transport-errors';

/** Where tokens come from, as a challenge names it. */
export interface TokenEndpoint {
  readonly realm: URL;
  readonly service: string | undefined;
}

export interface TokenRequest {
  readonly endpoint: TokenEndpoint;
  readonly scopes: ScopeSet;
  readonly credentials: Credentials | undefined;
  readonly now: () => number;
  readonly send: (request: HopRequest) => Promise<HttpResponse>;
  /** Makes the error for an answer other than 200. */
  readonly refuse: (response: HttpResponse) => Promise<CodedError>;
  readonly signal?: AbortSignal | undefined;
}

const clientId = 'nx-registry-cache';
/** After these, an endpoint may still take the same credentials by POST (Artifactory, old Azure). */
const postStatuses: ReadonlySet<number> = new Set([401, 404, 405]);

/**
 * Gets a token: by GET with Basic or anonymously (distribution, "token authentication"), by OAuth2 POST where we hold a
 * refresh token, or where GET is refused but a password is there.
 */
export async function fetchToken(request: TokenRequest): Promise<AccessToken> {
  const { credentials } = request;
  if (credentials?.kind === 'access-token') {
    return { value: credentials.token, scopes: request.scopes, expiresAt: Number.POSITIVE_INFINITY };
  }
  if (credentials?.kind === 'identity-token') {
    const form = { grant_type: 'refresh_token', refresh_token: credentials.token };
    return readToken(await request.send(postRequest(request, form)), request);
  }
  const response = await request.send(getRequest(request, credentials));
  if (credentials === undefined || !postStatuses.has(response.status)) return readToken(response, request);
  const refused = await request.refuse(response);
  const form = { grant_type: 'password', username: credentials.username, password: credentials.password };
  const second = await request.send(postRequest(request, form));
  if (second.status !== 200) {
    await second.discard();
    throw refused;
  }
  return readToken(second, request);
}

function getRequest(
  { endpoint, scopes, signal }: TokenRequest,
  credentials: { readonly username: string; readonly password: string } | undefined,
): HopRequest {
  const url = new URL(endpoint.realm);
  if (endpoint.service !== undefined) url.searchParams.set('service', endpoint.service);
  for (const scope of formatScopes(scopes)) url.searchParams.append('scope', scope);
  if (credentials === undefined) return { method: 'GET', url, headers: jsonHeaders, signal };
  url.searchParams.set('account', credentials.username);
  const authorization = basicHeader(credentials.username, credentials.password);
  return { method: 'GET', url, headers: jsonHeaders, authorization, signal };
}

function postRequest({ endpoint, scopes, signal }: TokenRequest, grant: Readonly<Record<string, string>>): HopRequest {
  const form = new URLSearchParams({ ...grant, client_id: clientId, scope: formatScopes(scopes).join(' ') });
  if (endpoint.service !== undefined) form.set('service', endpoint.service);
  const headers = { ...jsonHeaders, 'content-type': 'application/x-www-form-urlencoded' };
  const body = { bytes: Buffer.from(form.toString()) };
  return { method: 'POST', url: endpoint.realm, headers, body, bodyIsSecret: true, signal };
}

const jsonHeaders = { accept: 'application/json', 'accept-encoding': 'identity' };

async function readToken(response: HttpResponse, request: TokenRequest): Promise<AccessToken> {
  if (response.status !== 200) throw await request.refuse(response);
  const now = request.now();
  const bytes = await response.bytes(maxTokenBodyBytes);
  let answer: Readonly<Record<string, unknown>> = {};
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value === 'object' && value !== null) answer = { ...value };
  } catch {
    // Told below; the parser's message would quote what may be a secret.
  }
  const value = [answer['token'], answer['access_token']].find((text) => typeof text === 'string' && text !== '');
  if (typeof value !== 'string') throw protocolError(response.label, 'the token endpoint gave no token');
  if (/[^\x21-\x7e]/.test(value)) throw protocolError(response.label, 'the token has characters that no header takes');
  return { value, scopes: request.scopes, expiresAt: expiryOf(value, answer['expires_in'], now) };
}
