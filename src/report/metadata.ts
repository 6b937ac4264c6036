import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { BuildRequest } from '../engine/contract';
import { formatReference } from '../oci/reference';
import type { CachedBuildOutcome } from '../stage-refs/stage-ref-engine';
import { totalsOf } from './summary';

/**
 * What `metadataFile` gets: buildx's keys (`containerimage.digest`, `containerimage.config.digest`,
 * `containerimage.descriptor`, `image.name`, `cache.manifest`), whatever the engine adds, and under `nx-registry-cache`
 * the steps with their results, stages with keys, refs and causes of misses, cache exports and totals.
 */
export function buildMetadata(request: BuildRequest, outcome: CachedBuildOutcome): Readonly<Record<string, unknown>> {
  const { image, config, cacheExports } = outcome;
  const manifests = cacheExports.flatMap(({ manifest }) => (manifest === undefined ? [] : [manifest]));
  return {
    ...outcome.metadata,
    ...(manifests[0] === undefined ? {} : { 'cache.manifest': manifests[0] }),
    ...(config === undefined ? {} : { 'containerimage.config.digest': config.digest }),
    ...(image === undefined ? {} : { 'containerimage.descriptor': image, 'containerimage.digest': image.digest }),
    ...(request.tags.length === 0 ? {} : { 'image.name': request.tags.map(formatReference).join(',') }),
    'nx-registry-cache': {
      totals: totalsOf(outcome.steps),
      ...(outcome.stageRefs === undefined ? {} : { stageRefs: outcome.stageRefs }),
      steps: outcome.steps,
      cacheExports,
      warnings: outcome.warnings.map(({ code, message, hint }) => ({ code, message, hint })),
    },
  };
}

/** Writes the file in one step: a reader sees the old one or the new one. Creates its directory. */
export async function writeMetadataFile(path: string, metadata: Readonly<Record<string, unknown>>): Promise<void> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true });
  const temporary = join(directory, `.${basename(path)}.${randomUUID()}`);
  try {
    await writeFile(temporary, `${JSON.stringify(metadata, undefined, 2)}\n`, { flag: 'wx' });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
