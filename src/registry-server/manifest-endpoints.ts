import { isCodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import { algorithmOf, digestOf, isDigest } from '../oci/digest';
import { childrenOf, maxManifestBytes, parseManifest, type Manifest } from '../oci/manifest';
import { isForeignLayer } from '../oci/media-types';
import { answerBytes, answerEmpty, methodNotAllowed, readBody, type Exchange } from './exchange';
import { refusal } from './refusal';

interface ManifestRoute {
  readonly repository: string;
  /** A tag or a digest. */
  readonly reference: string;
}

/** GET, HEAD, PUT and DELETE of a manifest by tag or digest. */
export async function answerManifest(exchange: Exchange, route: ManifestRoute): Promise<void> {
  switch (exchange.method) {
    case 'GET':
    case 'HEAD':
      return sendManifest(exchange, route);
    case 'PUT':
      return storeManifest(exchange, route);
    case 'DELETE':
      return deleteManifest(exchange, route);
    default:
      throw methodNotAllowed('GET, HEAD, PUT, DELETE');
  }
}

async function sendManifest(exchange: Exchange, { repository, reference }: ManifestRoute): Promise<void> {
  const { manifests } = exchange.storage;
  const found = await manifests.find(repository, reference);
  if (found === undefined) throw unknownManifest();
  if (!accepts(exchange.request.headers.accept, found.mediaType)) {
    throw refusal(404, 'MANIFEST_UNKNOWN', `the manifest is of type ${found.mediaType}, which Accept does not name`);
  }
  const headers = {
    'content-type': found.mediaType,
    'docker-content-digest': found.digest,
    etag: `"${found.digest}"`,
  };
  if (exchange.method === 'HEAD') {
    answerEmpty(exchange, 200, { ...headers, 'content-length': found.size });
    return;
  }
  const bytes = await manifests.read(found.digest);
  if (bytes === undefined) throw unknownManifest();
  answerBytes(exchange, 200, headers, bytes);
}

async function storeManifest(exchange: Exchange, { repository, reference }: ManifestRoute): Promise<void> {
  const { request, storage } = exchange;
  const contentType = request.headers['content-type']?.split(';')[0]?.trim();
  const bytes = await readBody(request, maxManifestBytes);
  const manifest = parseOrRefuse(bytes, contentType);
  const digest = digestOf(bytes, isDigest(reference) ? algorithmOf(reference) : 'sha256');
  if (isDigest(reference) && digest !== reference) {
    throw refusal(400, 'DIGEST_INVALID', 'the manifest does not have this digest');
  }
  await requireChildren(exchange, repository, manifest);

  await storage.manifests.put(repository, digest, manifest.mediaType, bytes);
  const { subject } = manifest;
  if (subject !== undefined) {
    const referrer = describeReferrer(manifest, { digest, size: bytes.byteLength, mediaType: manifest.mediaType });
    await storage.manifests.addReferrer(repository, subject.digest, referrer);
  }
  // The tag comes last: it never points at something incomplete.
  if (!isDigest(reference)) await storage.manifests.setTag(repository, reference, digest);
  answerEmpty(exchange, 201, {
    location: `/v2/${repository}/manifests/${digest}`,
    'docker-content-digest': digest,
    ...(subject === undefined ? {} : { 'oci-subject': subject.digest }),
  });
}

async function deleteManifest(exchange: Exchange, { repository, reference }: ManifestRoute): Promise<void> {
  const { manifests } = exchange.storage;
  if (!isDigest(reference)) {
    if (!(await manifests.removeTag(repository, reference))) throw unknownManifest();
    answerEmpty(exchange, 202);
    return;
  }
  const found = await manifests.find(repository, reference);
  const bytes = found === undefined ? undefined : await manifests.read(found.digest);
  if (!(await manifests.remove(repository, reference))) throw unknownManifest();
  const subject = bytes === undefined ? undefined : parseManifest(bytes, found?.mediaType).subject;
  if (subject !== undefined) await manifests.removeReferrer(repository, subject.digest, reference);
  answerEmpty(exchange, 202);
}

/**
 * What a manifest points at must be there, so that no tag leads to something incomplete. Children of an index may be
 * blobs: BuildKit writes caches as indexes of layers. Foreign layers may lie elsewhere, and so may a subject.
 */
async function requireChildren({ storage }: Exchange, repository: string, manifest: Manifest): Promise<void> {
  for (const child of childrenOf(manifest)) {
    if (isForeignLayer(child.mediaType) || (child.urls ?? []).length > 0) continue;
    const here =
      (await storage.blobs.size(repository, child.digest)) !== undefined ||
      (manifest.kind === 'index' && (await storage.manifests.find(repository, child.digest)) !== undefined);
    if (!here) throw refusal(400, 'MANIFEST_BLOB_UNKNOWN', `the repository does not have ${child.digest}`);
  }
}

/** The entry of a referrers list (distribution-spec "listing referrers"). */
function describeReferrer(manifest: Manifest, descriptor: Descriptor): Descriptor {
  const artifactType = manifest.artifactType ?? (manifest.kind === 'manifest' ? manifest.config.mediaType : undefined);
  return {
    ...descriptor,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(manifest.annotations === undefined ? {} : { annotations: manifest.annotations }),
  };
}

function parseOrRefuse(bytes: Buffer, contentType: string | undefined): Manifest {
  try {
    return parseManifest(bytes, contentType);
  } catch (error) {
    if (isCodedError(error, 'MANIFEST_INVALID')) throw refusal(400, 'MANIFEST_INVALID', error.message);
    throw error;
  }
}

/** Whether an `Accept` header takes a media type; no header takes all. Weights do not matter: there is one form. */
function accepts(header: string | undefined, mediaType: string): boolean {
  if (header === undefined || header.trim() === '') return true;
  const ranges = header.split(',').map((range) => range.split(';')[0]?.trim() ?? '');
  return ranges.some((range) => range === '*/*' || range === 'application/*' || range === mediaType);
}

function unknownManifest(): Error {
  return refusal(404, 'MANIFEST_UNKNOWN', 'the repository has no such manifest');
}
