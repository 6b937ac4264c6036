import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { isAuthorized, type BasicCredentials } from '../registry-server/basic-auth';
import { covers, mergeScopes, parseScopes, type ScopeSet } from '../transport/scope';

export interface FakeAuthOptions {
  readonly kind: 'none' | 'basic' | 'bearer';
  readonly credentials: BasicCredentials;
  /** Gives tokens for pulling to whoever asks. Default false. */
  readonly anonymousPull?: boolean;
  /** Seconds; null leaves it out of the answer. Default 300. */
  readonly expiresIn?: number | null;
  /** Takes OAuth2 POST only, as Artifactory does for some users. Default false. */
  readonly postOnly?: boolean;
  /** The refresh token that POST takes beside the password. */
  readonly refreshToken?: string;
  /** Address of the token endpoint; default: `/token` of the registry itself. */
  readonly realm?: string;
}

/** What to answer in place of the registry. */
export interface AuthAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The part of a fake registry that wants to know who asks. */
export class FakeAuth {
  readonly #tokens = new Map<string, ScopeSet>();
  #issued = 0;

  constructor(
    readonly options: FakeAuthOptions,
    private readonly url: () => string,
  ) {}

  /** Makes every token that was issued so far worthless. */
  revokeTokens(): void {
    this.#tokens.clear();
  }

  /** The refusal of a request, or undefined if it may pass. */
  check(request: IncomingMessage, path: string): AuthAnswer | undefined {
    const { credentials, kind, realm } = this.options;
    const { authorization } = request.headers;
    if (kind === 'none' || (kind === 'basic' && isAuthorized(authorization, credentials))) return undefined;
    const needed = neededScope(request.method ?? 'GET', path);
    const granted = this.#tokens.get(authorization?.replace(/^Bearer /, '') ?? '');
    if (kind === 'bearer' && granted !== undefined && covers(granted, parseScopes(needed))) return undefined;
    const scope = needed === '' ? '' : `,scope="${needed}"`;
    const challenge =
      kind === 'basic'
        ? 'Basic realm="fake"'
        : `Bearer realm="${realm ?? `${this.url()}/token`}",service="fake"${scope}`;
    const body = JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] });
    return { status: 401, headers: { 'www-authenticate': challenge }, body };
  }

  /** The answer of the token endpoint. */
  async issue(request: IncomingMessage, query: URLSearchParams): Promise<AuthAnswer> {
    const { anonymousPull, credentials, expiresIn, postOnly, refreshToken } = this.options;
    const isPost = request.method === 'POST';
    const form = isPost ? new URLSearchParams((await buffer(request)).toString()) : query;
    const byForm =
      (form.get('username') === credentials.username && form.get('password') === credentials.password) ||
      (refreshToken !== undefined && form.get('refresh_token') === refreshToken);
    const known = isPost ? byForm : postOnly !== true && isAuthorized(request.headers.authorization, credentials);
    const asked = mergeScopes(...form.getAll('scope').map(parseScopes));
    const anonymous = anonymousPull === true && request.headers.authorization === undefined && !isPost;
    if (!known && !anonymous) return { status: 401, headers: {}, body: '{"details":"incorrect username or password"}' };
    const granted = known ? asked : new Map([...asked].map(([resource]) => [resource, new Set(['pull'])]));
    const token = `token-${++this.#issued}-${'x'.repeat(20)}`;
    this.#tokens.set(token, granted);
    const lifetime = expiresIn === null ? {} : { expires_in: expiresIn ?? 300 };
    return {
      status: 200,
      headers: {},
      body: JSON.stringify({ [isPost ? 'access_token' : 'token']: token, ...lifetime }),
    };
  }
}

function neededScope(method: string, path: string): string {
  const repository = /^\/v2\/(.+)\/(?:blobs|manifests|tags|referrers)\//.exec(path)?.[1];
  if (repository === undefined) return '';
  if (method === 'GET' || method === 'HEAD') return `repository:${repository}:pull`;
  return `repository:${repository}:${method === 'DELETE' ? 'delete' : 'pull,push'}`;
}
