import { CodedError, isCodedError } from '../diagnostics/coded-error';
import { redactText } from './redact';
import type { RequestLabel } from './transport-errors';

/** System and undici codes after which the same request may well work. */
const transientReasons: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_ABORTED',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CLOSED',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_SOCKET',
]);

const hints: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: check the host and port, and that the registry runs',
  ENOTFOUND: 'the host name is unknown: check its spelling and the network',
  EAI_AGAIN: 'the name server did not answer',
  UND_ERR_CONNECT_TIMEOUT: 'the host does not answer: check the network, the proxy settings and the firewall',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'trust its certificate with NODE_EXTRA_CA_CERTS, or list the registry as insecure',
  SELF_SIGNED_CERT_IN_CHAIN: 'trust its authority with NODE_EXTRA_CA_CERTS, or list the registry as insecure',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'trust its authority with NODE_EXTRA_CA_CERTS, or list the registry as insecure',
  EPROTO: 'the registry may speak plain HTTP: list it as insecure',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the registry may speak plain HTTP: list it as insecure',
};

/** What an answer that is no HTTP makes undici throw, such as the body that a broken server sent after a HEAD. */
const parserReason = /^HPE_/;

/** Turns what the network stack threw into `REGISTRY_UNAVAILABLE`. Errors of ours pass through. */
export function unavailable(label: RequestLabel, cause: unknown): CodedError {
  if (isCodedError(cause)) return cause;
  const reason = reasonOf(cause);
  const text = cause instanceof Error && cause.message !== '' ? redactText(cause.message) : reason;
  const hint = hints[reason];
  return new CodedError(
    'REGISTRY_UNAVAILABLE',
    `${label.host} is not available (${label.request}): ${text}`,
    { ...label, reason, transient: transientReasons.has(reason) || parserReason.test(reason) },
    { cause, ...(hint === undefined ? {} : { hint }) },
  );
}

/** An exchange that has to start over although the network did its part. */
export function interrupted(label: RequestLabel, why: string): CodedError<'REGISTRY_UNAVAILABLE'> {
  return new CodedError('REGISTRY_UNAVAILABLE', `${label.host} is not available (${label.request}): ${why}`, {
    ...label,
    reason: 'INTERRUPTED',
    transient: true,
  });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'UNKNOWN';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.cause === undefined ? error.name : reasonOf(error.cause);
}
