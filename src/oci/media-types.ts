/** Media types of OCI image-spec 1.1 (media-types.md) and of Docker's image manifest version 2, schema 2. */
export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  ociForeignLayer: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
  ociForeignLayerGzip: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  ociForeignLayerZstd: 'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerLayerZstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
  dockerForeignLayer: 'application/vnd.docker.image.rootfs.foreign.diff.tar',
  dockerForeignLayerGzip: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  dockerForeignLayerZstd: 'application/vnd.docker.image.rootfs.foreign.diff.tar.zstd',
} as const;

/** How the tar of a layer is packed, as far as its media type tells: estargz is `gzip`. */
export type LayerEncoding = 'none' | 'gzip' | 'zstd';

export type MediaTypeFamily = 'oci' | 'docker';

interface LayerKind {
  readonly family: MediaTypeFamily;
  readonly encoding: LayerEncoding;
  /** Not distributable (OCI) or foreign (Docker): its bytes may have to come from elsewhere. */
  readonly foreign: boolean;
}

const layerKinds: ReadonlyMap<string, LayerKind> = new Map<string, LayerKind>([
  [mediaTypes.ociLayer, { family: 'oci', encoding: 'none', foreign: false }],
  [mediaTypes.ociLayerGzip, { family: 'oci', encoding: 'gzip', foreign: false }],
  [mediaTypes.ociLayerZstd, { family: 'oci', encoding: 'zstd', foreign: false }],
  [mediaTypes.ociForeignLayer, { family: 'oci', encoding: 'none', foreign: true }],
  [mediaTypes.ociForeignLayerGzip, { family: 'oci', encoding: 'gzip', foreign: true }],
  [mediaTypes.ociForeignLayerZstd, { family: 'oci', encoding: 'zstd', foreign: true }],
  [mediaTypes.dockerLayer, { family: 'docker', encoding: 'none', foreign: false }],
  [mediaTypes.dockerLayerGzip, { family: 'docker', encoding: 'gzip', foreign: false }],
  [mediaTypes.dockerLayerZstd, { family: 'docker', encoding: 'zstd', foreign: false }],
  [mediaTypes.dockerForeignLayer, { family: 'docker', encoding: 'none', foreign: true }],
  [mediaTypes.dockerForeignLayerGzip, { family: 'docker', encoding: 'gzip', foreign: true }],
  [mediaTypes.dockerForeignLayerZstd, { family: 'docker', encoding: 'zstd', foreign: true }],
]);

/** What to send as `Accept` when asking a registry for any manifest that {@link isManifest} or {@link isIndex} takes. */
export const manifestMediaTypes: readonly string[] = [
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerIndex,
  mediaTypes.dockerManifest,
];

/** An OCI index or a Docker manifest list. */
export function isIndex(mediaType: string): boolean {
  return mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerIndex;
}

/** An image manifest (not an index). */
export function isManifest(mediaType: string): boolean {
  return mediaType === mediaTypes.ociManifest || mediaType === mediaTypes.dockerManifest;
}

/** The config of an image (not of an artifact or a cache). */
export function isImageConfig(mediaType: string): boolean {
  return mediaType === mediaTypes.ociConfig || mediaType === mediaTypes.dockerConfig;
}

/** A file system layer, in any encoding. */
export function isLayer(mediaType: string): boolean {
  return layerKinds.has(mediaType);
}

/** A layer that registries need not hold. */
export function isForeignLayer(mediaType: string): boolean {
  return layerKinds.get(mediaType)?.foreign === true;
}

/** How the layer is packed; undefined for what is no layer. */
export function layerEncoding(mediaType: string): LayerEncoding | undefined {
  return layerKinds.get(mediaType)?.encoding;
}

/** The media type of an ordinary layer. */
export function layerMediaType(family: MediaTypeFamily, encoding: LayerEncoding): string {
  return findLayer({ family, encoding, foreign: false });
}

/** The same layer's media type in the other family; what is no layer is given back as it is. */
export function convertLayerMediaType(mediaType: string, family: MediaTypeFamily): string {
  const kind = layerKinds.get(mediaType);
  return kind === undefined ? mediaType : findLayer({ ...kind, family });
}

function findLayer(wanted: LayerKind): string {
  for (const [mediaType, kind] of layerKinds) {
    const same = kind.family === wanted.family && kind.encoding === wanted.encoding && kind.foreign === wanted.foreign;
    if (same) return mediaType;
  }
  throw new Error(`no layer media type for ${JSON.stringify(wanted)}`);
}
