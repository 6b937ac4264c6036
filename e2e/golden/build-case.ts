import { setMaxListeners } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { CacheConfig } from '../../src/cache/contract';
import { importCache } from '../../src/cache/import-cache';
import { DirectoryStore } from '../../src/content/directory-store';
import type { GoldenCase } from '../../src/testing/golden/case';
import { buildEmbedded } from '../testing/embedded-build';
import { layOutGolden } from '../testing/golden-build';
import { removeTree } from '../../src/testing/remove-tree';

export interface BuildCaseOptions {
  /** Working directory of the run. */
  readonly directory: string;
  /** Whose state is used; it stays from case to case. */
  readonly builder: string;
  /** Registry that serves the layouts beside the cases, as `127.0.0.1:5000`. */
  readonly registry: string;
}

const cacheTag = 'cache';
/** Milliseconds; a build that hangs must not keep the other cases from being told. */
const longestBuild = 120_000;

/** Builds a case with the embedded engine, exports its cache with `mode=max` and reads back what was written. */
export async function buildCase(
  golden: GoldenCase,
  { directory, builder, registry }: BuildCaseOptions,
): Promise<CacheConfig> {
  const work = await mkdtemp(join(directory, `${golden.name}-`));
  try {
    const { embedded, env } = await layOutGolden(golden, work, registry);
    const signal = AbortSignal.timeout(longestBuild);
    setMaxListeners(0, signal);
    const destination = { type: 'local', directory: join(work, 'cache'), tag: cacheTag, location: 'cache' } as const;
    const cacheTo = {
      destination,
      mode: 'max',
      ociMediaTypes: true,
      imageManifest: true,
      compression: { type: 'uncompressed' },
      forceCompression: false,
      ignoreError: false,
    } as const;
    // The recorded builder linked what its builds have in common.
    const options = { stateDirectory: join(directory, `state-${builder}`), env, signal, linkEquivalents: true };
    await buildEmbedded({ ...embedded, cacheTo: [cacheTo] }, options);
    const imported = await importCache(new DirectoryStore(join(work, 'cache')), cacheTag, { name: golden.name });
    if (imported.kind !== 'imported') throw new Error(`the cache that was written cannot be read: ${imported.kind}`);
    const [cache] = imported.parts;
    if (cache === undefined) throw new Error('an imported cache has no part');
    return cache.config;
  } finally {
    await removeTree(work);
  }
}
