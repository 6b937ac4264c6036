import { isStoredTarget } from '../cache/location';
import type { BuildRequest } from '../engine/contract';
import type { DockerBuildOptions } from './docker-build-options';
import type { Invocation } from './invocation';
import type { Mistakes } from './mistakes';
import { cacheAccesses, type CacheAccess } from './trust';

/** Wins over the option: a switch for a whole job, or for a registry that is down. */
export const cacheAccessVariable = 'NX_REGISTRY_CACHE_ACCESS';

/** What a build does with caches. Default: `read-write`. */
export function readCacheAccess(
  { cacheAccess }: DockerBuildOptions,
  { env }: Invocation,
  mistakes: Mistakes,
): CacheAccess {
  const variable = env[cacheAccessVariable];
  const isFromVariable = variable !== undefined && variable !== '';
  const given = isFromVariable ? variable : (cacheAccess ?? 'read-write');
  const access = cacheAccesses.find((known) => known === given);
  if (access === undefined) {
    const place = isFromVariable ? cacheAccessVariable : 'cacheAccess';
    mistakes.addUnknownWord(place, 'cache access', given, cacheAccesses);
  }
  return access ?? 'read-write';
}

/** The caches that may be read and written. One within the image is the image's, and goes only with `off`. */
export function permittedCaches<T extends Pick<BuildRequest, 'cacheFrom' | 'cacheTo'>>(
  caches: T,
  access: CacheAccess,
): Pick<T, 'cacheFrom' | 'cacheTo'> {
  const { cacheFrom, cacheTo } = caches;
  if (access === 'off') return { cacheFrom: [], cacheTo: [] };
  return { cacheFrom, cacheTo: access === 'read-write' ? cacheTo : cacheTo.filter((each) => !isStoredTarget(each)) };
}
