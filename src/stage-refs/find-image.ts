import type { CallOptions, ContentStore, StoredManifest } from '../content/contract';
import { Limiter } from '../content/limiter';
import { isCodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import { childrenOf, parseManifest } from '../oci/manifest';
import { isManifest } from '../oci/media-types';
import type { VerifyMode } from './contract';

/** Blobs that are asked for at a time. */
const concurrentChecks = 8;

export type FoundImage =
  | { readonly kind: 'found'; readonly descriptor: Descriptor; readonly stored?: StoredManifest }
  | { readonly kind: 'missing' }
  /** It is there, but not what it should be. */
  | { readonly kind: 'broken' };

/** Looks for an image or a cache under a tag: one request, and with `blobs` one more for each thing that it lists. */
export async function findImage(
  store: ContentStore,
  /** A tag or a digest. */
  reference: string,
  { verify, ...options }: CallOptions & { readonly verify: VerifyMode },
): Promise<FoundImage> {
  if (verify === 'none') {
    const descriptor = await store.resolve(reference, options);
    return descriptor ? { kind: 'found', descriptor } : { kind: 'missing' };
  }
  try {
    const stored = await store.getManifest(reference, options);
    if (stored === undefined) return { kind: 'missing' };
    const children = childrenOf(parseManifest(stored.bytes, stored.descriptor.mediaType));
    if (verify === 'blobs') {
      const limiter = new Limiter(concurrentChecks);
      const present = await Promise.all(
        children.map(async (child) => {
          if (!isManifest(child.mediaType)) return limiter.run(() => store.has(child, options));
          const found = await findImage(store, child.digest, { verify, ...options });
          return found.kind === 'found';
        }),
      );
      if (!present.every(Boolean)) return { kind: 'broken' };
    }
    return { kind: 'found', descriptor: stored.descriptor, stored };
  } catch (error) {
    if (isCodedError(error, 'MANIFEST_INVALID', 'BLOB_CORRUPT')) return { kind: 'broken' };
    throw error;
  }
}
