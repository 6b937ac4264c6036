import { readCacheSources, readCacheTargets } from '../cache/attributes';
import type { BuildRequest } from '../engine/contract';
import { formatFamiliar, formatReference, type Reference } from '../oci/reference';
import type { DockerBuildOptions } from './docker-build-options';
import type { Invocation } from './invocation';
import type { Mistakes } from './mistakes';
import { requireWritable } from './writable-path';

/** Caches to read and to write, in the order given, every attribute resolved. */
export function readCaches(
  options: DockerBuildOptions,
  { workspaceRoot }: Invocation,
  mistakes: Mistakes,
): Pick<BuildRequest, 'cacheFrom' | 'cacheTo'> {
  const common = { workingDirectory: workspaceRoot, strict: options.strict ?? true };
  const from = readCacheSources(options.cacheFrom ?? [], { ...common, option: 'cacheFrom' });
  const to = readCacheTargets(options.cacheTo ?? [], { ...common, option: 'cacheTo' });
  mistakes.addAll([...from.diagnostics, ...to.diagnostics]);
  for (const { destination } of to.targets) {
    if (destination.type === 'local') requireWritable(destination.directory, 'directory', 'cacheTo', mistakes);
  }
  return { cacheFrom: from.sources, cacheTo: to.targets };
}

/**
 * Image and cache would overwrite each other, in no certain order. BuildKit does not look, so without `strict` it is a
 * warning.
 */
export function refuseImageTagsAsCache(
  tags: readonly Reference[],
  cacheTo: BuildRequest['cacheTo'],
  { strict = true }: DockerBuildOptions,
  mistakes: Mistakes,
): void {
  const tagged = new Set(tags.map(formatReference));
  for (const { destination } of cacheTo) {
    if (destination.type !== 'registry' || !tagged.has(formatReference(destination.reference))) continue;
    mistakes.addAll([
      {
        code: 'OPTION_CONFLICT',
        severity: strict ? 'error' : 'warning',
        message: `${formatFamiliar(destination.reference)} is also a tag of the image`,
        hint: 'give the cache a tag of its own',
        location: { file: 'cacheTo' },
      },
    ]);
  }
}

/** Hosts that caches with `registry.insecure=true` lie on. */
export function insecureCacheHosts({
  cacheFrom,
  cacheTo,
}: Pick<BuildRequest, 'cacheFrom' | 'cacheTo'>): readonly string[] {
  const places = [...cacheFrom, ...cacheTo.map(({ destination }) => destination)];
  return places.flatMap((place) => (place.type === 'registry' && place.insecure ? [place.reference.host] : []));
}
