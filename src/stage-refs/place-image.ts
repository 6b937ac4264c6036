import type { CallOptions, ContentStore } from '../content/contract';
import { copyGraph } from '../content/copy';
import '../content/content-errors';
import { CodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import type { Reference } from '../oci/reference';
import { formatReference } from '../oci/reference';
import { lacksBlobs } from '../registry/manifest-requests';

/** An image in a repository of the cache. */
export interface ImagePart {
  readonly descriptor: Descriptor;
  readonly from: ContentStore;
  readonly fromReference: Reference;
  /** Of its manifest, if that was read. */
  readonly bytes?: Buffer;
}

/** What tags are to point at: an image, or the index over images that lie in the cache one by one. */
export interface PlaceableImage {
  readonly descriptor: Descriptor;
  readonly parts: readonly ImagePart[];
  /** Of the manifest or index; may be left out for an image, which has it in the cache. */
  readonly bytes?: Buffer;
}

export interface PlaceImageOptions extends CallOptions {
  readonly repository: (reference: Reference) => ContentStore;
  /** What the tags point at as far as it is known, by formatted reference. */
  readonly known: ReadonlyMap<string, Descriptor | undefined>;
}

/**
 * Points tags at an image that the cache has: nothing for tags that do already, one request where the tag's repository
 * has the image, else its blobs are mounted, or copied if they lie in another registry.
 *
 * @returns whether any tag had to be moved.
 * @throws CodedError `BLOB_MISSING` if the image turns out to be incomplete, or what {@link lacksBlobs} knows.
 */
export async function placeImage(
  image: PlaceableImage,
  tags: readonly Reference[],
  options: PlaceImageOptions,
): Promise<boolean> {
  const call = options.signal ? { signal: options.signal } : {};
  const { digest, mediaType } = image.descriptor;
  const open = tags.filter((tag) => options.known.get(formatReference(tag))?.digest !== digest);
  const repositories = new Map(open.map((tag) => [`${tag.host}/${tag.repository}`, tag]));
  for (const [name, first] of repositories) {
    const store = options.repository(first);
    const elsewhere = image.parts.filter(({ from }) => from.name !== name);
    const copyParts = async (): Promise<void> => {
      for (const { descriptor, from, fromReference } of elsewhere) {
        await copyGraph({ source: from, target: store }, descriptor.digest, {
          ...call,
          ...(first.host === fromReference.host && { mountFrom: () => fromReference.repository }),
        });
      }
    };
    if (elsewhere.length > 0 && !(await store.resolve(digest, call))) await copyParts();
    for (const tag of open.filter(({ host, repository }) => `${host}/${repository}` === name)) {
      const bytes = await bytesOf(image, call);
      const put = (): Promise<unknown> =>
        store.putManifest({ mediaType, bytes }, { ...call, tag: tag.tag ?? 'latest' });
      await put().catch(async (error: unknown) => {
        // It has the manifest, but has lost a blob; where the image comes from may still have it.
        if (elsewhere.length === 0 || !lacksBlobs(error)) throw error;
        await copyParts();
        await put();
      });
    }
  }
  return open.length > 0;
}

async function bytesOf({ bytes, descriptor, parts }: PlaceableImage, call: CallOptions): Promise<Buffer> {
  if (bytes !== undefined) return bytes;
  const { digest } = descriptor;
  const store = parts.find((part) => part.descriptor.digest === digest)?.from;
  const stored = await store?.getManifest(digest, call);
  if (stored) return stored.bytes;
  const name = store?.name ?? 'the cache';
  throw new CodedError('BLOB_MISSING', `${name} has lost the manifest ${digest}`, { store: name, digest });
}
