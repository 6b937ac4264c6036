import { isDigest, type Digest } from '../oci/digest';
import { isTag, tryParseReference } from '../oci/reference';
import { refusal } from './refusal';

/** What a path of the distribution API names. */
export type Route =
  | { readonly kind: 'base' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'blob'; readonly repository: string; readonly digest: Digest }
  | { readonly kind: 'uploads'; readonly repository: string }
  | { readonly kind: 'upload'; readonly repository: string; readonly id: string }
  | { readonly kind: 'manifest'; readonly repository: string; readonly reference: string }
  | { readonly kind: 'tags'; readonly repository: string }
  | { readonly kind: 'referrers'; readonly repository: string; readonly digest: Digest };

/**
 * Reads a path as it stands in the request line. A repository's name may have components such as `blobs`, so the path
 * is read from its end. Names, tags and digests are checked against their grammar here, before they get near a file.
 *
 * @throws CodedError `REQUEST_REFUSED` with the status to answer.
 */
export function parseRoute(path: string): Route {
  const segments = path.split('/').slice(1).map(decodeSegment);
  if (segments[0] !== 'v2')
    throw refusal(404, 'UNSUPPORTED', 'this server speaks the OCI distribution API, under /v2/');
  const rest = segments.slice(1);
  if (rest.length === 0 || (rest.length === 1 && rest[0] === '')) return { kind: 'base' };
  if (rest.length === 1 && rest[0] === '_catalog') return { kind: 'catalog' };

  const last = rest.at(-1) ?? '';
  const [beforeThat, beforeLast] = [rest.at(-3), rest.at(-2)];
  if (beforeThat === 'blobs' && beforeLast === 'uploads') {
    const repository = repositoryOf(rest.slice(0, -3));
    return last === '' ? { kind: 'uploads', repository } : { kind: 'upload', repository, id: last };
  }
  if (beforeLast === 'blobs' && last === 'uploads')
    return { kind: 'uploads', repository: repositoryOf(rest.slice(0, -2)) };
  const repository = (): string => repositoryOf(rest.slice(0, -2));
  switch (beforeLast) {
    case 'blobs':
      return { kind: 'blob', repository: repository(), digest: digestOrRefuse(last) };
    case 'manifests':
      return { kind: 'manifest', repository: repository(), reference: referenceOrRefuse(last) };
    case 'referrers':
      return { kind: 'referrers', repository: repository(), digest: digestOrRefuse(last) };
    case 'tags':
      if (last === 'list') return { kind: 'tags', repository: repository() };
  }
  throw refusal(404, 'UNSUPPORTED', 'no such endpoint');
}

/** Whether `name` may be a repository's path (distribution-spec grammar, at most 255 characters). */
export function isRepositoryName(name: string): boolean {
  // A host in front keeps the parser from reading one out of the name, or from adding `library/`.
  const parsed = tryParseReference(`registry.invalid/${name}`);
  return parsed.ok && parsed.reference.repository === name;
}

/** @throws CodedError `REQUEST_REFUSED` (400 `DIGEST_INVALID`). */
export function digestOrRefuse(text: string | null): Digest {
  if (!isDigest(text)) throw refusal(400, 'DIGEST_INVALID', 'not a sha256 or sha512 digest in lower-case hex');
  return text;
}

function repositoryOf(segments: readonly string[]): string {
  const name = segments.join('/');
  if (!isRepositoryName(name)) throw refusal(400, 'NAME_INVALID', 'the repository name does not follow the grammar');
  return name;
}

function referenceOrRefuse(text: string): string {
  if (text.includes(':')) return digestOrRefuse(text);
  if (!isTag(text)) throw refusal(400, 'TAG_INVALID', 'the tag does not follow the grammar');
  return text;
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw refusal(400, 'NAME_INVALID', 'the path is not properly percent-encoded');
  }
}
