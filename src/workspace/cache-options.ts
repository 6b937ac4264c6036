import { readCacheSources, readCacheTargets } from '../cache/attributes';
import type { BuildRequest } from '../engine/contract';
import { formatFamiliar, formatReference, type Reference } from '../oci/reference';
import type { DockerBuildOptions } from './docker-build-options';
import type { Invocation } from './invocation';
import type { Mistakes } from './mistakes';

/** Caches to read and to write, in the order given, every attribute resolved. */
export function readCaches(
  options: DockerBuildOptions,
  { workspaceRoot }: Invocation,
  mistakes: Mistakes,
): Pick<BuildRequest, 'cacheFrom' | 'cacheTo'> {
  const workingDirectory = workspaceRoot;
  const from = readCacheSources(options.cacheFrom ?? [], { option: 'cacheFrom', workingDirectory });
  const to = readCacheTargets(options.cacheTo ?? [], { option: 'cacheTo', workingDirectory });
  mistakes.addAll([...from.diagnostics, ...to.diagnostics]);
  return { cacheFrom: from.sources, cacheTo: to.targets };
}

/** Image and cache would overwrite each other, in no certain order. */
export function refuseImageTagsAsCache(
  tags: readonly Reference[],
  cacheTo: BuildRequest['cacheTo'],
  mistakes: Mistakes,
): void {
  const tagged = new Set(tags.map(formatReference));
  for (const { destination } of cacheTo) {
    if (destination.type !== 'registry' || !tagged.has(formatReference(destination.reference))) continue;
    const name = formatFamiliar(destination.reference);
    mistakes.add('OPTION_CONFLICT', 'cacheTo', `${name} is also a tag of the image`, 'give the cache a tag of its own');
  }
}
