import { isDeepStrictEqual } from 'node:util';
import { type AccessToken } from './access-token';
import { parseChallenges, type Challenge } from './challenge';
import { basicHeader, type Credentials, type CredentialSource } from './credentials';
import { checkHop, type HopRules } from './hop-rules';
import { resolveUrl } from './hop-client';
import { covers, formatScopes, mergeScopes, parseScopes, restrictTo, type ScopeSet } from './scope';
import { SingleFlight } from '../content/single-flight';
import { fetchToken, type TokenEndpoint, type TokenRequest } from './token-endpoint';

/** How a registry wants to be spoken to, as its first challenge told. */
type Scheme = { readonly kind: 'basic' } | { readonly kind: 'bearer'; readonly endpoint: TokenEndpoint };

export interface AuthenticatorOptions {
  /** As the user names the registry: the key of its credentials. */
  readonly host: string;
  readonly rules: HopRules;
  readonly credentials: CredentialSource;
  readonly now: () => number;
  readonly send: TokenRequest['send'];
  readonly refuse: TokenRequest['refuse'];
}

/** Tokens of one registry that are kept at once; the oldest goes first. */
const maxTokens = 256;

/**
 * Proves to one registry who we are. Nothing is sent before the registry asks for it; then its scheme and tokens are
 * remembered, so that later requests carry what they need from the start.
 */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #loads = new SingleFlight<Credentials | undefined>();
  readonly #fetches = new SingleFlight<AccessToken>();
  #scheme: Scheme | undefined;
  #credentials: { readonly value: Credentials | undefined } | undefined;
  #tokens: readonly AccessToken[] = [];
  /** All that was ever needed, so that a new token for a repository is good for everything done there so far. */
  #known: ScopeSet = new Map();

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /** Whether credentials were looked for and found. */
  get hasCredentials(): boolean {
    return this.#credentials?.value !== undefined;
  }

  /** The `Authorization` header for a request that needs `scopes`; undefined as long as the registry wants none. */
  async header(scopes: ScopeSet, signal?: AbortSignal): Promise<string | undefined> {
    if (this.#scheme === undefined) return undefined;
    if (this.#scheme.kind === 'bearer') {
      const token = await this.#token(this.#scheme.endpoint, scopes, signal);
      return `Bearer ${token.value}`;
    }
    const credentials = await this.#load(signal);
    switch (credentials?.kind) {
      case undefined:
        return undefined;
      case 'password':
        return basicHeader(credentials.username, credentials.password);
      case 'identity-token':
        return basicHeader(credentials.username, credentials.token);
      case 'access-token':
        return `Bearer ${credentials.token}`;
    }
  }

  /**
   * Takes in a 401 to a request that went out with `sent`. Gives whether the request is worth repeating: because the
   * registry has now told its scheme, the token was outdated, or the credentials have changed meanwhile.
   */
  async learn(
    answer: { readonly url: URL; readonly challenge: string | undefined },
    request: { readonly sent: string | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<boolean> {
    const challenge = pickChallenge(answer.challenge);
    if (challenge === undefined) return false;
    this.#adopt(challenge, answer.url);
    if (request.sent === undefined)
      return challenge.scheme === 'bearer' || (await this.#load(request.signal)) !== undefined;

    // Helpers renew what they hold; an outdated token must not be exchanged with outdated credentials again.
    const before = this.#credentials?.value;
    this.#credentials = undefined;
    if (challenge.scheme === 'bearer') {
      const [, value] = request.sent.split(' ');
      this.#tokens = this.#tokens.filter((token) => token.value !== value);
      return before?.kind !== 'access-token';
    }
    return !isDeepStrictEqual(await this.#load(request.signal), before);
  }

  #adopt(challenge: Challenge, from: URL): void {
    if (challenge.scheme === 'basic') {
      this.#scheme = { kind: 'basic' };
      return;
    }
    const realm = resolveUrl(challenge.parameters.get('realm') ?? '', from);
    if (realm === undefined) return;
    checkHop(from, realm, this.#options.rules);
    const service = challenge.parameters.get('service');
    this.#scheme = { kind: 'bearer', endpoint: { realm, service } };
    this.#known = mergeScopes(this.#known, parseScopes(challenge.parameters.get('scope') ?? ''));
  }

  #token(endpoint: TokenEndpoint, needed: ScopeSet, signal: AbortSignal | undefined): Promise<AccessToken> {
    const now = this.#options.now();
    this.#tokens = this.#tokens.filter((token) => token.expiresAt > now);
    const usable = this.#tokens.find((token) => covers(token.scopes, needed));
    if (usable !== undefined) return Promise.resolve(usable);

    this.#known = mergeScopes(this.#known, needed);
    const scopes = restrictTo(this.#known, needed);
    const key = JSON.stringify([endpoint.realm.href, endpoint.service, formatScopes(scopes)]);
    return this.#fetches.run(
      key,
      async (flight) => {
        const { now: clock, send, refuse } = this.#options;
        const credentials = await this.#load(flight);
        const token = await fetchToken({ endpoint, scopes, credentials, now: clock, send, refuse, signal: flight });
        this.#tokens = [...this.#tokens, token].slice(-maxTokens);
        return token;
      },
      signal,
    );
  }

  async #load(signal: AbortSignal | undefined): Promise<Credentials | undefined> {
    if (this.#credentials !== undefined) return this.#credentials.value;
    const { credentials, host } = this.#options;
    const value = await this.#loads.run('', (flight) => credentials.get(host, { signal: flight }), signal);
    this.#credentials = { value };
    return value;
  }
}

/** Bearer before Basic, as a registry that offers both means it; other schemes are not spoken. */
function pickChallenge(header: string | undefined): Challenge | undefined {
  const challenges = parseChallenges(header ?? '');
  const find = (scheme: string): Challenge | undefined => challenges.find((challenge) => challenge.scheme === scheme);
  return find('bearer') ?? find('basic');
}
