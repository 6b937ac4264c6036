import { readFile } from 'node:fs/promises';
import type { Descriptor } from '../../oci/descriptor';
import { isDigest } from '../../oci/digest';
import { mediaTypes } from '../../oci/media-types';
import type { BuildOutcome, BuildRequest } from '../contract';
import { exportedStages } from './stage-targets';
import { imageRefTargetName, mainTargetName, stageTargetName } from './solve-target';

export type Metadata = Readonly<Record<string, unknown>>;

/** What buildx or buildctl wrote of a build; nothing if it wrote nothing. A bake has an object for each target. */
export async function readMetadata(path: string): Promise<Metadata> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '{}';
    throw error;
  });
  return JSON.parse(text === '' ? '{}' : text) as Metadata;
}

/** What of it is about the image that was asked for. */
export function mainMetadata(value: Metadata): Metadata {
  if (!(mainTargetName in value)) return withCacheManifest(value);
  const main = targetMetadata(value, mainTargetName);
  const shared = Object.entries(value).filter(([key]) => key.startsWith('buildx.'));
  return withCacheManifest({ ...Object.fromEntries(shared), ...main });
}

/** buildx passes the descriptor on as the text that BuildKit gave. */
function withCacheManifest(metadata: Metadata): Metadata {
  const value = metadata['cache.manifest'];
  return typeof value === 'string' ? { ...metadata, 'cache.manifest': JSON.parse(value) as unknown } : metadata;
}

/** The image and its config, from buildx's keys. */
export function imageOf(metadata: Metadata): Pick<BuildOutcome, 'image' | 'config'> {
  const digest = metadata['containerimage.digest'];
  const config = metadata['containerimage.config.digest'];
  const descriptor = metadata['containerimage.descriptor'] as Partial<Descriptor> | undefined;
  if (!isDigest(digest)) return {};
  const { mediaType = mediaTypes.ociManifest, size = 0 } = descriptor ?? {};
  return {
    image: { mediaType, digest, size },
    ...(isDigest(config) && { config: { digest: config } }),
  };
}

/** What was pushed as names of the images in the cache. */
export function imageRefsOf(value: Metadata, request: BuildRequest): NonNullable<BuildOutcome['imageRefs']> {
  return (request.imageRefs ?? []).flatMap(({ platform, reference }) => {
    const { image } = imageOf(targetMetadata(value, imageRefTargetName(platform, request)));
    return image ? [{ reference, manifest: image }] : [];
  });
}

/** The manifests of exported caches by location. BuildKit tells one for each target: of several, the last. */
export function cacheManifestsOf(value: Metadata, request: BuildRequest): ReadonlyMap<string, Descriptor> {
  const { cacheTo } = request;
  const stages = exportedStages(request).map(({ cache }) => {
    const metadata = withCacheManifest(targetMetadata(value, stageTargetName(cache, request)));
    return [cache.target.destination.location, cacheManifestOf(metadata)] as const;
  });
  const [main, ...others] = cacheTo;
  const isOnly = main !== undefined && others.length === 0;
  const known = isOnly
    ? [...stages, [main.destination.location, cacheManifestOf(mainMetadata(value))] as const]
    : stages;
  return new Map(
    known.flatMap(([location, manifest]): (readonly [string, Descriptor])[] =>
      manifest ? [[location, manifest]] : [],
    ),
  );
}

function targetMetadata(value: Metadata, name: string): Metadata {
  const target = value[name];
  return typeof target === 'object' && target !== null ? (target as Metadata) : {};
}

function cacheManifestOf(metadata: Metadata): Descriptor | undefined {
  const value = metadata['cache.manifest'];
  if (typeof value !== 'object' || value === null) return undefined;
  const { mediaType, digest, size } = value as Partial<Descriptor>;
  return isDigest(digest) && mediaType !== undefined && size !== undefined ? { mediaType, digest, size } : undefined;
}
