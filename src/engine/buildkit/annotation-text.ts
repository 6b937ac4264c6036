import { formatPlatform, isSamePlatform, type Platform } from '../../oci/platform';
import type { BuildRequest } from '../contract';

type AnnotatedRequest = Pick<BuildRequest, 'annotations' | 'placedAnnotations' | 'platforms'>;

/**
 * The values of buildx's `--annotation`; for a target that builds one platform of several, those that are about it alone,
 * as its image has no index.
 */
export function annotationTexts(whole: AnnotatedRequest, platform?: Platform): readonly string[] {
  const request = platform === undefined || whole.platforms.length < 2 ? whole : ofPlatform(whole, platform);
  const general = Object.entries(request.annotations).map(
    // Up to a colon, buildx reads places.
    ([key, value]) => `${key.includes(':') ? `manifest:${key}` : key}=${value}`,
  );
  return [...general, ...placedOf(request).map(({ key, text, value }) => `${text}:${key}=${value}`)];
}

/** The same as attributes of an output, for buildctl. */
export function annotationAttributes(request: AnnotatedRequest): Readonly<Record<string, string>> {
  const general = Object.entries(request.annotations).map(([key, value]) => [`annotation.${key}`, value] as const);
  const placed = placedOf(request).map(({ key, text, value }) => [`annotation-${text}.${key}`, value] as const);
  return Object.fromEntries([...general, ...placed]);
}

function placedOf({ placedAnnotations = [], platforms }: AnnotatedRequest) {
  return placedAnnotations.map(({ key, place, platform, value }) => ({
    key,
    value,
    text: `${place}${platformText(platform, platforms)}`,
  }));
}

function ofPlatform(request: AnnotatedRequest, platform: Platform): AnnotatedRequest {
  const placed = (request.placedAnnotations ?? []).filter(
    (each) =>
      (each.place === 'manifest' || each.place === 'manifest-descriptor') &&
      (each.platform === undefined || isSamePlatform(each.platform, platform)),
  );
  return { annotations: request.annotations, placedAnnotations: placed, platforms: [platform] };
}

/** BuildKit drops annotations of a platform where it builds one only, so that they are told without it there. */
function platformText(platform: Platform | undefined, platforms: readonly Platform[]): string {
  return platform === undefined || platforms.length === 1 ? '' : `[${formatPlatform(platform)}]`;
}
