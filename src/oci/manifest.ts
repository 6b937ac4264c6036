import { CodedError } from '../diagnostics/coded-error';
import type { Descriptor } from './descriptor';
import { JsonShape, knownKeys, optional, ShapeError } from './json-shape';
import { isIndex, isManifest, mediaTypes } from './media-types';
import type { Platform } from './platform';
import { parseStrictJson } from './strict-json';

/** OCI image-spec manifest.md, or Docker's schema 2, which differs in media types only. */
export interface ImageManifest {
  readonly kind: 'manifest';
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** OCI image-spec image-index.md, or Docker's manifest list. */
export interface ImageIndex {
  readonly kind: 'index';
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

export type Manifest = ImageManifest | ImageIndex;

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    MANIFEST_INVALID: { readonly reason: string };
  }
}

/** Bytes of a manifest or index. Registries take at least this much (distribution-spec, "pushing manifests"). */
export const maxManifestBytes = 4 * 1024 * 1024;

const manifestKeys = knownKeys(
  ...['schemaVersion', 'mediaType', 'artifactType', 'config', 'layers', 'manifests', 'subject', 'annotations'],
);
const descriptorKeys = knownKeys(
  ...['mediaType', 'digest', 'size', 'annotations', 'platform', 'artifactType', 'urls', 'data'],
);

/**
 * Parses an image manifest or an index, OCI or Docker schema 2, from bytes that anyone may have written.
 *
 * Refused: more than {@link maxManifestBytes}; what {@link parseStrictJson} refuses; Docker schema 1; a document that
 * is manifest and index at once (CVE-2021-41190); a `mediaType` other than `contentType`, if that is given; sizes,
 * digests and annotations of the wrong form. Fields that the specification does not know are dropped.
 *
 * @throws CodedError `MANIFEST_INVALID` with the reason.
 */
export function parseManifest(bytes: Uint8Array, contentType?: string): Manifest {
  const json = parseStrictJson(bytes, { maxBytes: maxManifestBytes });
  if (!json.ok) throw invalid(json.reason);
  try {
    return readManifest(new JsonShape(json.value, 'manifest'), contentType);
  } catch (error) {
    if (error instanceof ShapeError) throw invalid(error.message, error);
    throw error;
  }
}

/** {@link parseManifest}, for callers that can use an image manifest only. */
export function parseImageManifest(bytes: Uint8Array, contentType?: string): ImageManifest {
  const manifest = parseManifest(bytes, contentType);
  if (manifest.kind !== 'manifest') throw invalid('it is an index where an image manifest is expected');
  return manifest;
}

/** {@link parseManifest}, for callers that can use an index only. */
export function parseImageIndex(bytes: Uint8Array, contentType?: string): ImageIndex {
  const manifest = parseManifest(bytes, contentType);
  if (manifest.kind !== 'index') throw invalid('it is an image manifest where an index is expected');
  return manifest;
}

/**
 * The compact JSON of a manifest, keys in the specification's order and annotations sorted, so that equal manifests
 * have equal bytes.
 *
 * @throws CodedError `MANIFEST_INVALID` if a registry would not have to take it, for its size.
 */
export function serializeManifest(manifest: Manifest): Buffer {
  const content =
    manifest.kind === 'manifest'
      ? { config: orderDescriptor(manifest.config), layers: manifest.layers.map(orderDescriptor) }
      : { manifests: manifest.manifests.map(orderDescriptor) };
  const document = {
    schemaVersion: 2,
    mediaType: manifest.mediaType,
    ...optional('artifactType', manifest.artifactType),
    ...content,
    ...optional('subject', manifest.subject && orderDescriptor(manifest.subject)),
    ...optional('annotations', sortMap(manifest.annotations)),
  };
  const bytes = Buffer.from(JSON.stringify(document));
  if (bytes.byteLength > maxManifestBytes)
    throw invalid(`it has ${bytes.byteLength} bytes, more than ${maxManifestBytes}`);
  return bytes;
}

/** Every descriptor that a manifest points at, as a copy has to visit them: config and layers, or children. */
export function childrenOf(manifest: Manifest): readonly Descriptor[] {
  return manifest.kind === 'manifest' ? [manifest.config, ...manifest.layers] : manifest.manifests;
}

function readManifest(shape: JsonShape, contentType: string | undefined): Manifest {
  shape.refuseCaseVariants(manifestKeys);
  const version = shape.get('schemaVersion');
  if (version === 1) throw new ShapeError('it is of the obsolete schema 1');
  if (version !== 2) throw shape.wrong('schemaVersion', 'is not 2');
  const single = shape.has('layers') || shape.has('config');
  if (single && shape.has('manifests')) throw new ShapeError('it is image manifest and index at once');

  const mediaType =
    shape.optionalString('mediaType') ?? contentType ?? (single ? mediaTypes.ociManifest : mediaTypes.ociIndex);
  if (contentType !== undefined && mediaType !== contentType) {
    throw shape.wrong('mediaType', 'is not the content type that it was served with');
  }
  if (single ? !isManifest(mediaType) : !isIndex(mediaType)) {
    throw shape.wrong('mediaType', `does not fit ${single ? 'an image manifest' : 'an index'}`);
  }
  const common = {
    mediaType,
    ...optional('artifactType', shape.optionalString('artifactType')),
    ...optional('annotations', shape.optionalStringMap('annotations')),
    ...optional('subject', optionalDescriptor(shape, 'subject')),
  };
  if (!single) return { kind: 'index', ...common, manifests: shape.objects('manifests').map(readDescriptor) };
  const config = readDescriptor(shape.object('config'));
  return { kind: 'manifest', ...common, config, layers: shape.objects('layers').map(readDescriptor) };
}

function optionalDescriptor(shape: JsonShape, key: string): Descriptor | undefined {
  const child = shape.optionalObject(key);
  return child === undefined ? undefined : readDescriptor(child);
}

function readDescriptor(shape: JsonShape): Descriptor {
  shape.refuseCaseVariants(descriptorKeys);
  return {
    mediaType: shape.string('mediaType'),
    digest: shape.digest('digest'),
    size: shape.size('size'),
    ...optional('annotations', shape.optionalStringMap('annotations')),
    ...optional('platform', readPlatform(shape.optionalObject('platform'))),
    ...optional('artifactType', shape.optionalString('artifactType')),
    ...optional('urls', shape.optionalStrings('urls')),
    ...optional('data', shape.optionalString('data')),
  };
}

function readPlatform(shape: JsonShape | undefined): Platform | undefined {
  if (shape === undefined) return undefined;
  return {
    os: shape.string('os'),
    architecture: shape.string('architecture'),
    ...optional('variant', shape.optionalString('variant')),
    ...optional('os.version', shape.optionalString('os.version')),
    ...optional('os.features', shape.optionalStrings('os.features')),
  };
}

function orderDescriptor(descriptor: Descriptor): Descriptor {
  const { mediaType, digest, size, annotations, platform, artifactType, urls, data } = descriptor;
  return {
    mediaType,
    digest,
    size,
    ...optional('urls', urls),
    ...optional('annotations', sortMap(annotations)),
    ...optional('data', data),
    ...optional('platform', platform),
    ...optional('artifactType', artifactType),
  };
}

function sortMap(map: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> | undefined {
  if (map === undefined) return undefined;
  return Object.fromEntries(Object.entries(map).sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)));
}

function invalid(reason: string, cause?: unknown): CodedError<'MANIFEST_INVALID'> {
  return new CodedError('MANIFEST_INVALID', `the manifest is refused: ${reason}`, { reason }, { cause });
}
