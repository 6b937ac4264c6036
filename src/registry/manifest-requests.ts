import type { CallOptions, StoredManifest } from '../content/contract';
import { verifyBytes } from '../content/verify';
import { CodedError, isCodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import { algorithmOf, digestOf, isDigest, type Digest } from '../oci/digest';
import { childrenOf, maxManifestBytes, parseManifest } from '../oci/manifest';
import { isIndex, isManifest, manifestMediaTypes } from '../oci/media-types';
import type { HttpResponse } from '../transport/http-response';
import { protocolError } from '../transport/transport-errors';
import { ask, askHeaders, manifestPath, pull, push, type RepositoryContext } from './repository-context';

const accept = manifestMediaTypes.join(', ');

/**
 * Asks for a manifest's descriptor by HEAD, which registries count less than GET. Where the answer lacks a part of the
 * descriptor, the manifest itself is fetched.
 */
export async function resolveManifest(
  context: RepositoryContext,
  reference: string | Digest,
  { signal }: CallOptions = {},
): Promise<Descriptor | undefined> {
  const response = await askHeaders(context, {
    method: 'HEAD',
    target: manifestPath(context, reference),
    headers: { accept },
    scopes: [pull(context.repository)],
    expect: [200, 404],
    signal,
  });
  if (response.status === 404) return undefined;
  const mediaType = contentTypeOf(response);
  const digest = statedDigest(response, reference);
  const size = Number(response.headers['content-length'] ?? Number.NaN);
  if (mediaType !== undefined && digest !== undefined && Number.isSafeInteger(size)) return { mediaType, digest, size };
  return (await fetchManifest(context, reference, signal === undefined ? {} : { signal }))?.descriptor;
}

/**
 * Fetches a manifest of at most 4 MiB. Its bytes are checked against the digest that was asked for or that the answer
 * names, its type against its own `mediaType` and shape (CVE-2021-41190).
 *
 * Rejects with `BLOB_CORRUPT`, `MANIFEST_INVALID`, or an error of the transport.
 */
export async function fetchManifest(
  context: RepositoryContext,
  reference: string | Digest,
  { signal }: CallOptions = {},
): Promise<StoredManifest | undefined> {
  const response = await ask(context, {
    method: 'GET',
    target: manifestPath(context, reference),
    headers: { accept },
    scopes: [pull(context.repository)],
    expect: [200, 404],
    signal,
  });
  if (response.status === 404) {
    await response.discard();
    return undefined;
  }
  const bytes = await response.bytes(maxManifestBytes);
  const stated = statedDigest(response, reference);
  const manifest = readManifest(bytes, response);
  const { mediaType } = manifest;
  const digest = stated ?? digestOf(bytes);
  const descriptor = { mediaType, digest, size: bytes.byteLength };
  verifyBytes(bytes, descriptor, { store: context.name });
  for (const child of childrenOf(manifest)) context.known.list(child.digest, context.repository);
  return { descriptor, bytes };
}

/** Says where a manifest that is refused came from; a page in its place tells of a proxy or of no registry at all. */
function readManifest(bytes: Buffer, response: HttpResponse): ReturnType<typeof parseManifest> {
  try {
    return parseManifest(bytes, contentTypeOf(response));
  } catch (error) {
    if (!isCodedError(error, 'MANIFEST_INVALID')) throw error;
    const { host, request } = response.label;
    const isPage = /^text\/html\b/i.test(response.headers['content-type'] ?? '');
    const hint = isPage ? `a web page came: is ${host} a registry, or does a proxy answer in its place?` : undefined;
    const message = `${host} answered ${request} with what is no manifest: ${error.detail.reason}`;
    throw new CodedError('MANIFEST_INVALID', message, error.detail, { cause: error, ...(hint && { hint }) });
  }
}

/** Sends a manifest, under `tag` or under its digest. */
export async function sendManifest(
  context: RepositoryContext,
  manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
  { signal, tag }: CallOptions & { readonly tag?: string } = {},
): Promise<Descriptor> {
  const { bytes, mediaType } = manifest;
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  const response = await askHeaders(context, {
    method: 'PUT',
    target: manifestPath(context, tag ?? descriptor.digest),
    headers: { 'content-type': mediaType },
    body: { bytes },
    scopes: [push(context.repository)],
    expect: [200, 201, 202],
    signal,
  });
  const stored = response.headers['docker-content-digest'];
  // A registry that rewrites manifests would leave the tag pointing at what nobody has checked.
  if (isDigest(stored) && algorithmOf(stored) === 'sha256' && stored !== descriptor.digest) {
    throw protocolError(response.label, `it stored the manifest as ${stored}, not as ${descriptor.digest}`);
  }
  return descriptor;
}

/** Whether a registry refused a manifest because it misses a blob that the manifest points at. */
export function lacksBlobs(error: unknown): boolean {
  return isCodedError(error, 'REGISTRY_RESPONSE') && error.detail.codes.some((code) => missingBlobCodes.has(code));
}

/** The second is what Docker's registry says where the specification has the first. */
const missingBlobCodes: ReadonlySet<string> = new Set(['MANIFEST_BLOB_UNKNOWN', 'BLOB_UNKNOWN']);

/** Deletes what lies at a path: a manifest, only a tag, or a blob; false if it was not there. */
export async function deleteByPath(
  context: RepositoryContext,
  path: string,
  { signal }: CallOptions = {},
): Promise<boolean> {
  const response = await askHeaders(context, {
    method: 'DELETE',
    target: path,
    scopes: [{ repository: context.repository, actions: ['pull', 'push', 'delete'] }],
    expect: [200, 202, 204, 404],
    signal,
  });
  return response.status !== 404;
}

/** The digest that the answer names; it has to be the one asked for. */
function statedDigest(response: HttpResponse, reference: string | Digest): Digest | undefined {
  const header = response.headers['docker-content-digest'];
  const stated = isDigest(header) ? header : undefined;
  if (!isDigest(reference)) return stated;
  if (stated !== undefined && algorithmOf(stated) === algorithmOf(reference) && stated !== reference) {
    throw protocolError(response.label, `it answered with ${stated}`);
  }
  return reference;
}

/** The type of a manifest; what proxies and old registries put there instead (`text/plain`, …) says nothing. */
function contentTypeOf({ headers }: HttpResponse): string | undefined {
  const type = headers['content-type']?.split(';')[0]?.trim();
  return type !== undefined && (isManifest(type) || isIndex(type)) ? type : undefined;
}
