/** Query parameters of the distribution and token APIs that carry no secret. All other values are hidden. */
const harmlessParameters = new Set([
  'account',
  'artifactType',
  'client_id',
  'digest',
  'from',
  'last',
  'mount',
  'n',
  'ns',
  'scope',
  'service',
  'tag',
]);

const hidden = 'REDACTED';
const urlPattern = /\b[a-z][a-z0-9+.-]*:\/\/[^\s"'<>]+/gi;
const authorizationPattern = /\b(basic|bearer|negotiate)(\s+)[A-Za-z0-9._~+/=-]{6,}/gi;
const headerPattern = /\b((?:proxy-)?authorization|(?:set-)?cookie|x-amz-security-token)(\s*[:=]\s*)[^\r\n]+/gi;
const jsonSecretPattern = /("(?:access_token|token|refresh_token|identitytoken|auth|password|secret)"\s*:\s*")[^"]*/gi;

/** A URL as it may be shown: without userinfo and fragment, with the values of unknown query parameters hidden. */
export function redactUrl(url: URL | string): string {
  const parsed = typeof url === 'string' ? parseUrl(url) : new URL(url);
  if (parsed === undefined) return hidden;
  parsed.username = '';
  parsed.password = '';
  parsed.hash = '';
  const names = [...new Set(parsed.searchParams.keys())];
  for (const name of names) if (!harmlessParameters.has(name)) parsed.searchParams.set(name, hidden);
  return stripControls(parsed.href);
}

/**
 * A text that someone else wrote (an error body, a helper's output), as it may be shown: URLs in it are treated by
 * {@link redactUrl}, credentials are hidden, control characters (which could rewrite a terminal) become spaces.
 */
export function redactText(text: string): string {
  const shown = text
    .replace(headerPattern, `$1$2${hidden}`)
    .replace(authorizationPattern, `$1$2${hidden}`)
    .replace(jsonSecretPattern, `$1${hidden}`)
    .replace(urlPattern, (url) => redactUrl(url));
  return stripControls(shown);
}

function stripControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}
