import { isCodedError } from '../diagnostics/coded-error';
import { apiHostOf, isLoopback } from './hosts';

/**
 * Where the API of a reference's host may be, most wanted first: HTTPS, and nothing else. A host that the user lists as
 * insecure may also speak plain HTTP; this machine's registries do so, since nobody has certificates for them.
 */
export function originsOf(host: string, insecure: ReadonlySet<string>): readonly [URL, ...URL[]] {
  const secure = new URL(`https://${apiHostOf(host)}`);
  const plain = new URL(`http://${apiHostOf(host)}`);
  if (isLoopback(secure)) return [plain];
  return insecure.has(host) ? [secure, plain] : [secure];
}

const noTlsReason = /^(?:EPROTO|ERR_SSL_.*|ECONNREFUSED|ECONNRESET|UND_ERR_SOCKET)$/;

/** Whether a host that was asked by HTTPS failed in a way that one without TLS does. */
export function speaksNoTls(error: unknown): boolean {
  return isCodedError(error, 'REGISTRY_UNAVAILABLE') && noTlsReason.test(error.detail.reason);
}
