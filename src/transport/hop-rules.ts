import { CodedError } from '../diagnostics/coded-error';
import { isInternal, isLoopback } from './hosts';
import { redactUrl } from './redact';
import './transport-errors';

/** Where a server may send us. */
export interface HopRules {
  /** The registry that the conversation is with. It may always point at itself. */
  readonly origin: URL;
  /** Hosts (with port, as in a URL) that may be plain HTTP or internal although they are not the registry. */
  readonly trustedHosts: ReadonlySet<string>;
}

/**
 * Checks an address that a server named: a redirect, an upload's `Location`, a token endpoint's realm.
 *
 * Refused: anything but HTTP; HTTP where the address it came from is HTTPS; HTTP to a host that is neither the
 * registry nor named by the user; literal internal addresses other than the registry's own (CVE-class: token and
 * upload endpoints used to reach a cloud's metadata service).
 *
 * @throws CodedError `REDIRECT_REFUSED`.
 */
export function checkHop(from: URL, target: URL, rules: HopRules): void {
  const refuse = (reason: string): never => {
    throw refusedHop(rules, target, reason, `if that address is right, list "${target.host}" as an insecure registry`);
  };
  if (target.protocol !== 'https:' && target.protocol !== 'http:') refuse('it is not HTTP');
  if (target.username !== '' || target.password !== '') refuse('it carries credentials');
  if (from.protocol === 'https:' && target.protocol === 'http:') refuse('it leads from HTTPS to plain HTTP');
  if (target.host === rules.origin.host || rules.trustedHosts.has(target.host)) return;
  if (isInternal(target)) refuse('it is an address of a private network');
  if (target.protocol === 'http:' && !isLoopback(target)) refuse('it is plain HTTP');
}

/** The error for an address that we do not go to. */
export function refusedHop(
  { origin }: Pick<HopRules, 'origin'>,
  target: URL,
  reason: string,
  hint?: string,
): CodedError<'REDIRECT_REFUSED'> {
  const shown = redactUrl(target);
  return new CodedError(
    'REDIRECT_REFUSED',
    `${origin.host} points to ${shown}, which is refused: ${reason}`,
    { host: origin.host, target: shown, reason },
    hint === undefined ? {} : { hint },
  );
}
