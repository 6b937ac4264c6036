import { isSamePlatform, type Platform } from '../oci/platform';
import type { AnnotationPlace, BuildRequest } from './contract';

/**
 * The annotations of a build's image at one place. Those of a platform win over those of all; an index has none of a
 * platform. Undefined if there are none.
 */
export function annotationsAt(
  { annotations, placedAnnotations = [] }: Pick<BuildRequest, 'annotations' | 'placedAnnotations'>,
  place: AnnotationPlace,
  platform?: Platform,
): Readonly<Record<string, string>> | undefined {
  const here = placedAnnotations.filter((each) => each.place === place);
  const general = here.filter((each) => each.platform === undefined);
  const own = here.filter((each) => each.platform && platform && isSamePlatform(each.platform, platform));
  const found = {
    ...(place === 'manifest' && annotations),
    ...Object.fromEntries([...general, ...own].map(({ key, value }) => [key, value])),
  };
  return Object.keys(found).length > 0 ? found : undefined;
}
