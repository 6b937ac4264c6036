import { CodedError } from '../diagnostics/coded-error';
import type { HttpResponse } from './http-response';
import { redactText } from './redact';
import { parseRetryAfter } from './retry';
import './transport-errors';

/** Characters of a registry's own words that a message repeats. */
const maxQuotedLength = 300;
/** Error codes that one body may name. */
const maxCodes = 8;

export interface ResponseErrorContext {
  /** The registry, as the user names it. */
  readonly host: string;
  /** Whether credentials for it were found. */
  readonly credentials: boolean;
  readonly now: number;
}

/** Reads (at most 64 KiB of) the body of an answer that is no success, and makes the error for it. */
export async function responseError(response: HttpResponse, context: ResponseErrorContext): Promise<CodedError> {
  const { status, headers } = response;
  const { host } = context;
  const { request } = response.label;
  const text = await response.excerpt();
  const { codes, words } = readErrors(text);
  const throttled = isThrottled(response, text);
  const said = words === '' ? '' : `: ${words}`;
  if ((status === 401 || status === 403) && !throttled) {
    const message = `${host} does not allow ${request} (${status})${said}`;
    const detail = { host, status, request, credentials: context.credentials };
    return new CodedError('REGISTRY_UNAUTHORIZED', message, detail, { hint: accessHint(status, context) });
  }
  const retryAfterMs = parseRetryAfter(headers['retry-after'], context.now);
  const transient =
    throttled || status === 408 || status === 425 || (status >= 500 && status !== 501 && status !== 505);
  const hint = throttled ? throttleHint(retryAfterMs) : hints[status];
  return new CodedError(
    'REGISTRY_RESPONSE',
    `${host} answered ${request} with ${status}${said}`,
    { host, status, codes, request, transient, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
    hint === undefined ? {} : { hint },
  );
}

const hints: Readonly<Record<number, string>> = {
  400: 'the registry may not take this kind of manifest: for a cache, use image-manifest=true and oci-mediatypes=true',
  404: 'check the name of the repository; some registries want it created first',
  405: 'the registry does not support this request, or has it turned off',
  413: 'a proxy in front of the registry limits the size of uploads (nginx: client_max_body_size)',
};

/** GHCR tells of its secondary rate limit by a 403, of which a HEAD shows headers only; others add `Retry-After`. */
function isThrottled({ headers, status }: HttpResponse, body: string): boolean {
  if (status === 429) return true;
  if (status !== 403) return false;
  const spent = headers['retry-after'] !== undefined || headers['x-ratelimit-remaining'] === '0';
  return spent || /rate limit|abuse detection/i.test(body);
}

function throttleHint(retryAfterMs: number | undefined): string {
  const minutes = Math.ceil((retryAfterMs ?? 0) / 60_000);
  const wait = minutes > 1 ? ` (it asks to come back in ${minutes} minutes)` : '';
  return `the registry limits how often it is asked${wait}: authenticate, or run fewer jobs at once`;
}

function accessHint(status: number, { host, credentials }: ResponseErrorContext): string {
  if (!credentials) return `log in with "docker login ${host}", or check that the repository is public`;
  return status === 401
    ? `the stored credentials are refused: log in again with "docker login ${host}"`
    : `the account that is logged in to ${host} lacks the right for this repository`;
}

/** The `errors` of the distribution-spec, `error` or `message` of token endpoints, else the start of a short text. */
function readErrors(text: string): { readonly codes: readonly string[]; readonly words: string } {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { codes: [], words: text.trimStart().startsWith('<') ? '' : quote(text) };
  }
  if (!isRecord(body)) return { codes: [], words: '' };
  const errors = (Array.isArray(body['errors']) ? body['errors'] : []).filter(isRecord).slice(0, maxCodes);
  const codes = errors.map(({ code }) => code).filter((code) => typeof code === 'string');
  const first = errors.map(({ code, message }) => [code, message].filter((part) => typeof part === 'string').join(' '));
  const other = [body['error'], body['error_description'], body['message'], body['details']];
  const words = first.length > 0 ? first : other.filter((part) => typeof part === 'string');
  return { codes: codes.map((code) => quote(code)), words: quote(words.join('; ')) };
}

function quote(text: string): string {
  const shown = redactText(text).trim();
  return shown.length <= maxQuotedLength ? shown : `${shown.slice(0, maxQuotedLength)}…`;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
