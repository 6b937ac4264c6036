import { formatRepository, tryParseReference, type Reference } from '../oci/reference';
import type { DockerBuildOptions } from './docker-build-options';
import type { Mistakes } from './mistakes';
import type { CacheSide } from './trust';

/** The repositories of the two sides of a cache. */
export type CacheRepositories = Readonly<Record<CacheSide, Reference>>;

const untrustedSuffix = '-untrusted';

/** The options `cache` and `untrustedCache`; undefined where they are none. */
export function readCacheRepositories(
  { cache = '', untrustedCache = '' }: DockerBuildOptions,
  mistakes: Mistakes,
): CacheRepositories | undefined {
  const trusted = readRepository(cache, 'cache', mistakes);
  if (trusted === undefined) return undefined;
  const untrusted =
    untrustedCache === ''
      ? { host: trusted.host, repository: `${trusted.repository}${untrustedSuffix}` }
      : readRepository(untrustedCache, 'untrustedCache', mistakes);
  if (untrusted === undefined) return undefined;
  if (formatRepository(trusted) === formatRepository(untrusted)) {
    const hint = 'a repository of its own, or trust=open, which has only one';
    mistakes.add('OPTION_CONFLICT', 'untrustedCache', 'it is the repository of "cache"', hint);
  }
  return { trusted, untrusted };
}

function readRepository(text: string, option: string, mistakes: Mistakes): Reference | undefined {
  const parsed = tryParseReference(text);
  if (!parsed.ok) {
    mistakes.add('OPTION_INVALID', option, `"${text}" is no repository: ${parsed.reason}`);
    return undefined;
  }
  const { reference } = parsed;
  if (reference.tag === undefined && reference.digest === undefined) return reference;
  const hint = 'leave out the tag; for a cache under one tag there are cacheFrom and cacheTo';
  mistakes.add('OPTION_INVALID', option, `"${text}" is one image; ${option} takes a repository`, hint);
  return { host: reference.host, repository: reference.repository };
}
