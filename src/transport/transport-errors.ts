import { CodedError } from '../diagnostics/coded-error';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A registry answered with a status that the request cannot use. `request` is redacted. */
    REGISTRY_RESPONSE: {
      readonly host: string;
      readonly status: number;
      /** Codes of the distribution-spec in the body, such as `NAME_UNKNOWN`. */
      readonly codes: readonly string[];
      readonly request: string;
      /** What the registry asked us to wait. */
      readonly retryAfterMs?: number;
      /** True where the status or the body tells of throttling or a fault that may pass. */
      readonly transient: boolean;
    };
    /** A registry or its token endpoint did not accept the credentials, or wants some and there are none. */
    REGISTRY_UNAUTHORIZED: {
      readonly host: string;
      readonly status: number;
      readonly request: string;
      /** Whether credentials for the host were found. */
      readonly credentials: boolean;
    };
    /** No usable answer: connection refused or broken, name unknown, certificate refused, stalled. */
    REGISTRY_UNAVAILABLE: {
      readonly host: string;
      readonly request: string;
      /** System or undici code, such as `ECONNREFUSED` or `UND_ERR_HEADERS_TIMEOUT`. */
      readonly reason: string;
      readonly transient: boolean;
    };
    /** An answer that breaks the protocol: no `Location`, another digest than asked for, a body above its bound. */
    REGISTRY_PROTOCOL: { readonly host: string; readonly request: string; readonly problem: string };
    /** A server pointed us at an address that we do not go to. `target` is redacted. */
    REDIRECT_REFUSED: { readonly host: string; readonly target: string; readonly reason: string };
    /** Docker's config file or a credential helper is broken. */
    CREDENTIALS_UNREADABLE: { readonly source: string; readonly host?: string; readonly reason: string };
  }
}

/** What a request is called in messages: `GET https://ghcr.io/v2/…`, redacted. */
export interface RequestLabel {
  readonly host: string;
  readonly request: string;
}

export function protocolError({ host, request }: RequestLabel, problem: string, cause?: unknown): CodedError {
  return new CodedError(
    'REGISTRY_PROTOCOL',
    `${host} broke the registry protocol at ${request}: ${problem}`,
    { host, request, problem },
    { cause, hint: 'a proxy between here and the registry may have answered in its place' },
  );
}
