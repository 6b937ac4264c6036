import { tmpdir } from 'node:os';
import type { ExecutorContext } from '@nx/devkit';
import type { CacheExportOptions } from '../../workspace/cache-task-options';
import { withTaskHost } from '../executor-host';
import { runCacheExport } from './run-cache-export';

/** The executor `nx-registry-cache:cache-export`: writes a cache of this machine to registries. */
export default function cacheExport(
  options: CacheExportOptions,
  context: ExecutorContext,
): Promise<{ readonly success: boolean }> {
  return withTaskHost(context, { temporaryDirectory: tmpdir() }, (invocation, host) =>
    runCacheExport(options, { invocation, host }),
  );
}
