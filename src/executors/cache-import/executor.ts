import { tmpdir } from 'node:os';
import type { ExecutorContext } from '@nx/devkit';
import type { CacheImportOptions } from '../../workspace/cache-task-options';
import { withTaskHost } from '../executor-host';
import { runCacheImport } from './run-cache-import';

/** The executor `nx-registry-cache:cache-import`: brings caches of registries into an OCI layout of this machine. */
export default function cacheImport(
  options: CacheImportOptions,
  context: ExecutorContext,
): Promise<{ readonly success: boolean }> {
  return withTaskHost(context, { temporaryDirectory: tmpdir() }, (invocation, host) =>
    runCacheImport(options, { invocation, host }),
  );
}
