import type { CallOptions, ContentStore, StoredManifest } from '../content/contract';
import { copyGraph } from '../content/copy';
import '../content/content-errors';
import { CodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import type { Reference } from '../oci/reference';
import { formatReference } from '../oci/reference';

export interface PlaceImageOptions extends CallOptions {
  /** Where the image is: the cache repository. */
  readonly from: ContentStore;
  readonly fromReference: Reference;
  readonly repository: (reference: Reference) => ContentStore;
  /** What the tags point at as far as it is known, by formatted reference. */
  readonly known: ReadonlyMap<string, Descriptor | undefined>;
  /** The image's manifest, if it was read. */
  readonly stored?: StoredManifest;
}

/**
 * Points tags at an image that a repository has: nothing for tags that do already, one request where the tag's repository
 * has the image, else its blobs are mounted, or copied if they lie in another registry.
 *
 * @returns whether any tag had to be moved.
 * @throws CodedError `BLOB_MISSING` if the image turns out to be incomplete.
 */
export async function placeImage(
  image: Descriptor,
  tags: readonly Reference[],
  options: PlaceImageOptions,
): Promise<boolean> {
  const call = options.signal ? { signal: options.signal } : {};
  const open = tags.filter((tag) => options.known.get(formatReference(tag))?.digest !== image.digest);
  const repositories = new Map(open.map((tag) => [`${tag.host}/${tag.repository}`, tag]));
  for (const [name, first] of repositories) {
    const store = options.repository(first);
    if (name !== options.from.name && !(await store.resolve(image.digest, call))) {
      const isSameHost = first.host === options.fromReference.host;
      await copyGraph({ source: options.from, target: store }, image.digest, {
        ...call,
        ...(isSameHost && { mountFrom: () => options.fromReference.repository }),
      });
    }
    for (const tag of open.filter(({ host, repository }) => `${host}/${repository}` === name)) {
      const { bytes, descriptor } = options.stored ?? (await readManifest(options.from, image, call));
      await store.putManifest({ mediaType: descriptor.mediaType, bytes }, { ...call, tag: tag.tag ?? 'latest' });
    }
  }
  return open.length > 0;
}

async function readManifest(store: ContentStore, image: Descriptor, call: CallOptions): Promise<StoredManifest> {
  const stored = await store.getManifest(image.digest, call);
  if (stored) return stored;
  const message = `${store.name} has lost the manifest ${image.digest}`;
  throw new CodedError('BLOB_MISSING', message, { store: store.name, digest: image.digest });
}
