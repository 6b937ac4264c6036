import { parsePlatform, type Platform } from '../oci/platform';
import { formatPlatform } from '../oci/platform';
import type { DockerBuildOptions } from './docker-build-options';
import type { Invocation } from './invocation';
import type { Mistakes } from './mistakes';

/** From `platforms`, or `platform` for one; the machine's own where neither is given. Never empty. */
export function readPlatforms(
  { platform, platforms }: DockerBuildOptions,
  { hostPlatform }: Invocation,
  mistakes: Mistakes,
): readonly Platform[] {
  if (platform !== undefined && platforms !== undefined) {
    mistakes.add('OPTION_CONFLICT', 'platform', 'both platform and platforms are given', 'keep one');
  }
  const option = platforms === undefined ? 'platform' : 'platforms';
  const texts = platforms ?? (platform === undefined ? [] : [platform]);
  const found = texts.flatMap((text, index) => {
    const parsed = parsePlatform(text, { host: hostPlatform });
    if (parsed.ok) return [parsed.platform];
    mistakes.add('OPTION_INVALID', platforms === undefined ? option : `${option}[${index}]`, parsed.reason);
    return [];
  });
  const unique = [...new Map(found.map((item) => [formatPlatform(item), item])).values()];
  return unique.length > 0 ? unique : [hostPlatform];
}
