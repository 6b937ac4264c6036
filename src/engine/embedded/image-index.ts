import type { CallOptions, ContentStore } from '../../content/contract';
import type { Descriptor } from '../../oci/descriptor';
import { digestOf } from '../../oci/digest';
import { mediaTypes } from '../../oci/media-types';
import type { Platform } from '../../oci/platform';

/** The image of one platform, as its manifest. */
export interface PlatformManifest {
  readonly platform: Platform;
  readonly manifest: Descriptor;
}

export interface IndexBytes {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/**
 * The index over the images of several platforms, in the order of the request, byte for byte as BuildKit writes it: so a
 * tag that BuildKit put points at what is put together here.
 */
export function describeIndex(
  images: readonly PlatformManifest[],
  { ociMediaTypes }: { readonly ociMediaTypes: boolean },
): IndexBytes {
  const mediaType = ociMediaTypes ? mediaTypes.ociIndex : mediaTypes.dockerIndex;
  const manifests = images.map(({ platform, manifest }) => {
    const { architecture, os, variant, 'os.version': version, 'os.features': features } = platform;
    const known = { architecture, os, 'os.version': version, 'os.features': features, variant };
    return { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.size, platform: known };
  });
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests }, undefined, 2));
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

/** Writes an index whose images are there already, and lets the tags point at it. */
export async function writeIndex(
  { bytes, descriptor }: IndexBytes,
  store: ContentStore,
  options: CallOptions & { readonly tags: readonly string[] },
): Promise<void> {
  const { tags, signal } = options;
  const call = signal ? { signal } : {};
  const { mediaType } = descriptor;
  if (tags.length === 0) await store.putManifest({ mediaType, bytes }, call);
  for (const tag of tags) await store.putManifest({ mediaType, bytes }, { ...call, tag });
}
