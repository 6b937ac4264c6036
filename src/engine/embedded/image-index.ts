import type { CallOptions, ContentStore } from '../../content/contract';
import type { Descriptor } from '../../oci/descriptor';
import { digestOf } from '../../oci/digest';
import { mediaTypes } from '../../oci/media-types';
import type { Platform } from '../../oci/platform';

/** The image of one platform, as its manifest. */
export interface PlatformManifest {
  readonly platform: Platform;
  readonly manifest: Descriptor;
  /** Of the manifest's entry in the index. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
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
  options: { readonly ociMediaTypes: boolean; readonly annotations?: Readonly<Record<string, string>> | undefined },
): IndexBytes {
  const { annotations, ociMediaTypes } = options;
  const mediaType = ociMediaTypes ? mediaTypes.ociIndex : mediaTypes.dockerIndex;
  const manifests = images.map(({ annotations: own, platform, manifest }) => {
    const { architecture, os, variant, 'os.version': version, 'os.features': features } = platform;
    const known = { architecture, os, 'os.version': version, 'os.features': features, variant };
    const { digest, mediaType: type, size } = manifest;
    return { mediaType: type, digest, size, annotations: sorted(own), platform: known };
  });
  const index = { schemaVersion: 2, mediaType, manifests, annotations: sorted(annotations) };
  const bytes = Buffer.from(goEscaped(JSON.stringify(index, undefined, 2)));
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

/** As Go writes a map; none is left out. */
function sorted(annotations: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> | undefined {
  const entries = Object.entries(annotations).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

/** What Go escapes in texts, and JavaScript does not. Outside of texts, none of it occurs. */
function goEscaped(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Writes an index whose images are there already, and lets the tags point at it. */
export async function writeIndex(
  { bytes, descriptor }: IndexBytes,
  store: ContentStore,
  options: CallOptions & {
    readonly tags: readonly string[];
    /** Of its entry, where the store is an OCI layout. */
    readonly annotations?: Readonly<Record<string, string>> | undefined;
  },
): Promise<void> {
  const { annotations, tags, signal } = options;
  const call = { ...(signal && { signal }), ...(annotations && { annotations }) };
  const { mediaType } = descriptor;
  if (tags.length === 0) await store.putManifest({ mediaType, bytes }, call);
  for (const tag of tags) await store.putManifest({ mediaType, bytes }, { ...call, tag });
}
