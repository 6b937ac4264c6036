import { tmpdir } from 'node:os';
import type { ExecutorContext } from '@nx/devkit';
import type { CacheCopyOptions } from '../../workspace/cache-task-options';
import { withTaskHost } from '../executor-host';
import { runCacheCopy } from './run-cache-copy';

/** The executor `nx-registry-cache:cache-copy`: copies caches, several into one, in any form and compression. */
export default function cacheCopy(
  options: CacheCopyOptions,
  context: ExecutorContext,
): Promise<{ readonly success: boolean }> {
  return withTaskHost(context, { temporaryDirectory: tmpdir() }, (invocation, host) =>
    runCacheCopy(options, { invocation, host }),
  );
}
