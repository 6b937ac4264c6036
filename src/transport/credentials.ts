import type { CallOptions } from '../content/contract';

/** What proves to a registry who we are. */
export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** A refresh token: the token endpoint exchanges it (Docker's `identitytoken`). */
  | { readonly kind: 'identity-token'; readonly username: string; readonly token: string }
  /** A finished access token (Docker's `registrytoken`). */
  | { readonly kind: 'access-token'; readonly token: string };

/** Where credentials come from. Asked again after a registry refused what it gave, since helpers renew theirs. */
export interface CredentialSource {
  /**
   * Credentials for the host of a reference, such as `docker.io` or `localhost:5000`; undefined for anonymous access.
   * A source that fails rejects; it never gives another host's credentials instead.
   */
  get(host: string, options?: CallOptions): Promise<Credentials | undefined>;
}

/** Credentials by host, for tests and for callers that have them from elsewhere. */
export function fixedCredentials(byHost: Readonly<Record<string, Credentials>>): CredentialSource {
  const known = new Map(Object.entries(byHost));
  return { get: (host) => Promise.resolve(known.get(host)) };
}

export function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
