import { isIPv6 } from 'node:net';
import { CodedError } from '../diagnostics/coded-error';
import { isDigest, type Digest } from './digest';

/**
 * An image reference, normalised as Docker does: `alpine` is host `docker.io`, repository `library/alpine`.
 * `tag` and `digest` may both be there; then the digest decides.
 */
export interface Reference {
  /** Host with port if one was given: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly host: string;
  /** Path without host: `library/alpine`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    INVALID_REFERENCE: { readonly text: string; readonly reason: string };
  }
}

/** What {@link tryParseReference} found: the reference, or why the text is none. */
export type ReferenceResult =
  { readonly ok: true; readonly reference: Reference } | { readonly ok: false; readonly reason: string };

/** Docker's registry, which names without a host stand for. */
export const dockerHubHost = 'docker.io';

/** Characters of a repository path (distribution-spec asks for clients to keep host and path within 255). */
export const maxRepositoryLength = 255;

/** Characters of a tag (distribution-spec, "pulling manifests"). */
export const maxTagLength = 128;

const maxPort = 65_535;
const legacyDockerHubHost = 'index.docker.io';
const officialPrefix = 'library/';

const hostName = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*$/;
const pathComponent = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** Whether `text` may be a tag (distribution-spec grammar, at most {@link maxTagLength} characters). */
export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/**
 * Parses `[host[:port]/]path[:tag][@digest]` and normalises it as Docker does. No tag is added where there is none;
 * see {@link withDefaultTag}.
 *
 * @throws CodedError `INVALID_REFERENCE` with the reason; credentials in the text are left out of the message.
 */
export function parseReference(text: string): Reference {
  const result = tryParseReference(text);
  if (result.ok) return result.reference;
  const shown = printable(text);
  throw new CodedError('INVALID_REFERENCE', `invalid image reference "${shown}": ${result.reason}`, {
    text: shown,
    reason: result.reason,
  });
}

/** {@link parseReference} for diagnostics: gives the reason instead of throwing. */
export function tryParseReference(text: string): ReferenceResult {
  const refuse = (reason: string): ReferenceResult => ({ ok: false, reason });
  if (text === '') return refuse('it is empty');
  if (/\s/.test(text)) return refuse('it contains white space');
  if (text.includes('://')) return refuse('it starts with a URL scheme; give host and path only');

  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) {
    return refuse('what follows "@" is not a sha256 or sha512 digest in lower-case hex');
  }
  const named = splitTag(at < 0 ? text : text.slice(0, at));
  if (named.tag !== undefined && !isTag(named.tag)) return refuse(tagProblem(named.tag));

  const { host, repository } = splitHost(named.name);
  const problem = hostProblem(host) ?? repositoryProblem(repository);
  if (problem !== undefined) return refuse(problem);
  if (named.name === repository && /^[0-9a-f]{64}$/.test(named.name)) {
    return refuse('a name of 64 hexadecimal digits is reserved for image IDs');
  }

  const official = host === dockerHubHost && !repository.includes('/');
  const reference: Reference = {
    host,
    repository: official ? officialPrefix + repository : repository,
    ...(named.tag === undefined ? {} : { tag: named.tag }),
    ...(digest === undefined ? {} : { digest }),
  };
  return { ok: true, reference };
}

/** The full form, such as `docker.io/library/alpine:3.20@sha256:…`. */
export function formatReference(reference: Reference): string {
  return `${reference.host}/${reference.repository}${suffixOf(reference)}`;
}

/** The form that Docker shows: without `docker.io/` and `library/` where it parses back to the same reference. */
export function formatFamiliar(reference: Reference): string {
  const { host, repository } = reference;
  const short = repository.startsWith(officialPrefix) ? repository.slice(officialPrefix.length) : repository;
  const name = [short, repository].find((candidate) => {
    const parsed = tryParseReference(candidate);
    return parsed.ok && parsed.reference.host === host && parsed.reference.repository === repository;
  });
  return (name ?? `${host}/${repository}`) + suffixOf(reference);
}

/** Host and repository only: `ghcr.io/acme/cache`. */
export function formatRepository(reference: Reference): string {
  return `${reference.host}/${reference.repository}`;
}

/**
 * The same repository at `tag`. A digest is dropped, since it would win over the tag.
 *
 * @throws CodedError `INVALID_REFERENCE` if `tag` is none.
 */
export function withTag(reference: Reference, tag: string): Reference {
  if (!isTag(tag)) {
    const reason = tagProblem(tag);
    throw new CodedError('INVALID_REFERENCE', `invalid tag "${printable(tag)}": ${reason}`, {
      text: printable(tag),
      reason,
    });
  }
  return { host: reference.host, repository: reference.repository, tag };
}

/** The same reference pinned to `digest`; a tag stays, for people to read. */
export function withDigest(reference: Reference, digest: Digest): Reference {
  return { ...reference, digest };
}

/** The reference with tag `latest` if it has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: 'latest' } : reference;
}

function suffixOf(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return tag + digest;
}

/** A colon after the last slash starts the tag; one before it belongs to the port. */
function splitTag(text: string): { readonly name: string; readonly tag?: string } {
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1);
  return colon < 0 ? { name: text } : { name: text.slice(0, colon), tag: text.slice(colon + 1) };
}

/** Docker's rule: the first component is a host if it has a dot, a colon or an upper-case letter, or is `localhost`. */
function splitHost(name: string): { readonly host: string; readonly repository: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isHost = first !== '' && (/[.:A-Z]/.test(first) || first === 'localhost');
  if (!isHost) return { host: dockerHubHost, repository: name };
  return { host: first === legacyDockerHubHost ? dockerHubHost : first, repository: name.slice(slash + 1) };
}

function hostProblem(host: string): string | undefined {
  const parts = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(host);
  const name = parts?.[1] ?? '';
  const port = parts?.[2];
  const known = name.startsWith('[') ? isIPv6(name.slice(1, -1)) && !name.includes('%') : hostName.test(name);
  if (!known) return `"${printable(host)}" is not a host name`;
  if (port === undefined) return undefined;
  const valid = /^[0-9]{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= maxPort;
  return valid ? undefined : `"${printable(port)}" is not a port`;
}

function repositoryProblem(repository: string): string | undefined {
  if (repository === '') return 'the repository is missing';
  if (repository.length > maxRepositoryLength) {
    return `the repository is longer than ${maxRepositoryLength} characters`;
  }
  const wrong = repository.split('/').find((component) => !pathComponent.test(component));
  if (wrong === undefined) return undefined;
  if (wrong === '') return 'the repository has an empty path component';
  if (pathComponent.test(wrong.toLowerCase())) return `the repository must be in lower case ("${wrong.toLowerCase()}")`;
  return (
    `"${printable(wrong)}" is not a repository path component: lower-case letters and digits, ` +
    'separated by ".", "_", "__" or dashes'
  );
}

function tagProblem(tag: string): string {
  if (tag === '') return 'the tag is empty';
  if (tag.length > maxTagLength) return `the tag is longer than ${maxTagLength} characters`;
  return 'a tag has only letters, digits, "_", "." and "-", and does not start with "." or "-"';
}

/** At most this many characters of what the user wrote are repeated in a message. */
const maxShownLength = 160;

function printable(text: string): string {
  const harmless = text.replace(/\p{Cc}/gu, '?').replace(/^([a-z][a-z0-9+.-]*:\/\/)?[^/@]*@(?!sha\d)/i, '$1***@');
  return harmless.length <= maxShownLength ? harmless : `${harmless.slice(0, maxShownLength)}…`;
}
