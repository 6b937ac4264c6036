import { CodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import type { Digest } from '../oci/digest';
import { serializeManifest, type Manifest } from '../oci/manifest';
import { convertLayerMediaType, mediaTypes } from '../oci/media-types';
import { cacheConfigMediaType } from './contract';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A form that no cache can have. */
    CACHE_FORM_INVALID: object;
    /** A manifest that is in order, but no cache. */
    CACHE_MANIFEST_INVALID: { readonly reason: string };
  }
}

/** How a cache lies in a registry. */
export interface CacheManifestForm {
  /** As an image, which needs OCI media types; otherwise as an index whose children are the layers and the config. */
  readonly imageManifest: boolean;
  readonly ociMediaTypes: boolean;
  /** BuildKit writes none. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * The manifest of a cache, byte for byte as BuildKit writes it (`cache/remotecache/export.go`).
 *
 * @throws CodedError `CACHE_FORM_INVALID` for an image without OCI media types.
 */
export function writeCacheManifest(
  layers: readonly Descriptor[],
  config: Descriptor,
  form: CacheManifestForm,
): { readonly mediaType: string; readonly bytes: Buffer } {
  if (form.imageManifest && !form.ociMediaTypes) {
    const message = 'a cache in the form of an image manifest needs OCI media types';
    throw new CodedError(
      'CACHE_FORM_INVALID',
      message,
      {},
      { hint: 'leave out oci-mediatypes=false or image-manifest=true' },
    );
  }
  const notes = form.annotations ? { annotations: form.annotations } : {};
  const family = form.ociMediaTypes ? 'oci' : 'docker';
  const children = layers.map((layer) => ({
    ...layer,
    mediaType: convertLayerMediaType(layer.mediaType, family),
  }));
  if (form.imageManifest) {
    const mediaType = mediaTypes.ociManifest;
    return { mediaType, bytes: serializeManifest({ kind: 'manifest', mediaType, config, layers: children, ...notes }) };
  }
  const mediaType = form.ociMediaTypes ? mediaTypes.ociIndex : mediaTypes.dockerIndex;
  const manifests = [...children, config];
  return { mediaType, bytes: serializeManifest({ kind: 'index', mediaType, manifests, ...notes }) };
}

export interface CacheManifest {
  readonly config: Descriptor;
  readonly layers: ReadonlyMap<Digest, Descriptor>;
}

/** Config and layers of a manifest that is a cache, in either form; undefined for any other. */
export function findCacheConfig(manifest: Manifest): CacheManifest | undefined {
  const children = manifest.kind === 'manifest' ? manifest.layers : manifest.manifests;
  const isConfig = (descriptor: Descriptor): boolean => descriptor.mediaType === cacheConfigMediaType;
  const config = manifest.kind === 'manifest' ? manifest.config : children.find(isConfig);
  if (config === undefined || !isConfig(config)) return undefined;
  const layers = children.filter((descriptor) => !isConfig(descriptor));
  return { config, layers: new Map(layers.map((layer) => [layer.digest, layer])) };
}
