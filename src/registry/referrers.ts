import type { CallOptions } from '../content/contract';
import type { Descriptor } from '../oci/descriptor';
import { algorithmOf, hexOf, type Digest } from '../oci/digest';
import { parseImageIndex, parseManifest } from '../oci/manifest';
import { mediaTypes } from '../oci/media-types';
import { fetchManifest } from './manifest-requests';
import { pages } from './paging';
import { pathOf, type RepositoryContext } from './repository-context';

export interface ReferrersOptions extends CallOptions {
  /** Only referrers of this type. */
  readonly artifactType?: string;
}

/**
 * Manifests whose subject is `digest`: from the referrers API, or, where a registry does not have it (404), from the
 * index under the tag that the distribution-spec 1.1 sets aside for that ("referrers tag schema").
 */
export async function listReferrers(
  context: RepositoryContext,
  digest: Digest,
  { artifactType, signal }: ReferrersOptions = {},
): Promise<readonly Descriptor[]> {
  const call = signal === undefined ? {} : { signal };
  const query = artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`;
  const first = pathOf(context, `referrers/${digest}${query}`);
  const found: Descriptor[] = [];
  let answered = false;
  for await (const page of pages(context, first, { ...call, headers: { accept: mediaTypes.ociIndex } })) {
    answered = true;
    found.push(...parseImageIndex(page.bytes).manifests);
  }
  if (!answered) found.push(...(await listByTag(context, digest, call)));
  // Registries may leave the filter to the client.
  return artifactType === undefined ? found : found.filter((each) => each.artifactType === artifactType);
}

async function listByTag(
  context: RepositoryContext,
  digest: Digest,
  options: CallOptions,
): Promise<readonly Descriptor[]> {
  const stored = await fetchManifest(context, referrersTag(digest), options);
  if (stored === undefined) return [];
  const manifest = parseManifest(stored.bytes, stored.descriptor.mediaType);
  return manifest.kind === 'index' ? manifest.manifests : [];
}

/** The fallback tag: algorithm and hash, cut to 32 and 64 characters. */
export function referrersTag(digest: Digest): string {
  return `${algorithmOf(digest).slice(0, 32)}-${hexOf(digest).slice(0, 64)}`;
}
