import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './repository-root';

/**
 * A layout of nine caches that BuildKit wrote, one per tag, with all of their layers. It lies beside the repository,
 * which itself has only their configs and manifests.
 */
export const goldenCaches = join(repositoryRoot(), '../shared/golden/caches');

/** Its tags. */
export const goldenTags = [
  ...['gzip-max', 'gzip-min', 'zstd-max', 'zstd-force', 'zstd-19-force', 'estargz-force', 'uncompressed-force'],
  ...['docker-mediatypes', 'index'],
] as const;

/** For `test(name, options, …)`: why the golden caches cannot be used, or that they can. */
export const goldenCachesOption: { readonly skip: string | false } = {
  skip: existsSync(join(goldenCaches, 'index.json')) ? false : 'there are no golden caches beside the repository',
};
