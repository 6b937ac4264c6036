import type { AnnotationPlace, ImageOutput, PlacedAnnotation } from '../engine/contract';
import { formatPlatform, isSamePlatform, parsePlatform, type Platform } from '../oci/platform';
import type { ValuesOption } from './docker-build-options';
import type { Mistakes } from './mistakes';

const places: readonly AnnotationPlace[] = ['manifest', 'manifest-descriptor', 'index', 'index-descriptor'];

/** `index`, `manifest[linux/arm64]`. */
const placeText = /^([a-z-]+)(?:\[([A-Za-z0-9_/-]+)\])?$/;

export interface ReadAnnotationsOptions {
  readonly platforms: readonly Platform[];
  readonly outputs: readonly ImageOutput[];
  /** They make an index even of one platform's image. */
  readonly hasAttestations: boolean;
}

export interface ReadAnnotations {
  readonly annotations: Readonly<Record<string, string>>;
  readonly placedAnnotations: readonly PlacedAnnotation[];
}

/**
 * Annotations in the words of buildx's `--annotation`: `key`, or `place[platform],…:key`, as an object or as a list of
 * `key=value`. BuildKit finds out about most mistakes only after the build, when it writes the image.
 */
export function readAnnotations(
  option: ValuesOption | readonly string[] | undefined,
  options: ReadAnnotationsOptions,
  mistakes: Mistakes,
): ReadAnnotations {
  const general: [string, string][] = [];
  const placed: PlacedAnnotation[] = [];
  for (const { name, value, where } of entriesOf(option, mistakes)) {
    const colon = name.indexOf(':');
    const key = name.slice(colon + 1);
    if (key === '') {
      mistakes.add('OPTION_INVALID', where, 'the name of an annotation is empty');
      continue;
    }
    for (const text of colon < 0 ? ['manifest'] : name.slice(0, colon).split(',')) {
      const found = readPlace(text, where, mistakes);
      if (found === undefined || !fits(found, where, options, mistakes)) continue;
      const { place, platform } = found;
      if (place === 'manifest' && platform === undefined) general.push([key, value]);
      else placed.push({ place, key, value, ...(platform && { platform }) });
    }
  }
  return { annotations: Object.fromEntries(general), placedAnnotations: placed };
}

interface Entry {
  readonly name: string;
  readonly value: string;
  /** Such as `annotations[0]`. */
  readonly where: string;
}

function entriesOf(option: ValuesOption | readonly string[] | undefined, mistakes: Mistakes): readonly Entry[] {
  if (!isList(option)) {
    return Object.entries(option ?? {}).map(([name, value]) => ({ name, value: String(value), where: 'annotations' }));
  }
  return option.flatMap((text, index) => {
    const where = `annotations[${index}]`;
    const equals = text.indexOf('=');
    if (equals >= 0) return [{ name: text.slice(0, equals), value: text.slice(equals + 1), where }];
    mistakes.add('OPTION_INVALID', where, `"${text}" is not KEY=value`);
    return [];
  });
}

type Place = Pick<PlacedAnnotation, 'place' | 'platform'>;

function readPlace(text: string, where: string, mistakes: Mistakes): Place | undefined {
  const [, word, platformText] = placeText.exec(text) ?? [];
  const place = places.find((known) => known === word);
  if (word === undefined) {
    const hint = `one of ${places.join(', ')}, before the colon; a name with a colon needs manifest: before it`;
    mistakes.add('OPTION_INVALID', where, `"${text}" is no place of an annotation`, hint);
    return undefined;
  }
  if (place === undefined) {
    mistakes.addUnknownWord(where, 'place of an annotation', word, places);
    return undefined;
  }
  if (platformText === undefined) return { place };
  const parsed = parsePlatform(platformText);
  if (parsed.ok) return { place, platform: parsed.platform };
  mistakes.add('OPTION_INVALID', where, parsed.reason);
  return undefined;
}

function fits({ place, platform }: Place, where: string, options: ReadAnnotationsOptions, mistakes: Mistakes): boolean {
  const { hasAttestations, outputs, platforms } = options;
  const isOfIndex = place === 'index' || place === 'index-descriptor';
  if (isOfIndex && platform) {
    mistakes.add('OPTION_INVALID', where, `${place} is for all platforms`, `leave out [${formatPlatform(platform)}]`);
    return false;
  }
  if (platform && !platforms.some((built) => isSamePlatform(built, platform))) {
    const built = platforms.map(formatPlatform).join(', ');
    mistakes.add('OPTION_INVALID', where, `no image is built for ${formatPlatform(platform)}`, `built are ${built}`);
    return false;
  }
  if (isOfIndex && platforms.length === 1 && !hasAttestations) {
    const message = `the image of one platform has no index that ${place} could be of`;
    mistakes.add('OPTION_CONFLICT', where, message, 'use manifest, or build several platforms');
    return false;
  }
  if (place !== 'manifest' && outputs.some((output) => output.type === 'image' && !output.ociMediaTypes)) {
    const message = `Docker's media types, as an output asks for them, know no annotations of ${place}`;
    mistakes.add('OPTION_CONFLICT', where, message, 'leave out oci-mediatypes=false');
    return false;
  }
  return true;
}

function isList(option: ValuesOption | readonly string[] | undefined): option is readonly string[] {
  return Array.isArray(option);
}
