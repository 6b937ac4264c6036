import { tmpdir } from 'node:os';
import type { ExecutorContext } from '@nx/devkit';
import type { CacheInspectOptions } from '../../workspace/cache-task-options';
import { withTaskHost } from '../executor-host';
import { runCacheInspect } from './run-cache-inspect';

/** The executor `nx-registry-cache:cache-inspect`: says what is in caches. */
export default function cacheInspect(
  options: CacheInspectOptions,
  context: ExecutorContext,
): Promise<{ readonly success: boolean }> {
  return withTaskHost(context, { temporaryDirectory: tmpdir() }, (invocation, host) =>
    runCacheInspect(options, { invocation, host }),
  );
}
