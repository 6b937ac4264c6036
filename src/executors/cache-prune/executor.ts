import { tmpdir } from 'node:os';
import type { ExecutorContext } from '@nx/devkit';
import type { CachePruneOptions } from '../../workspace/cache-task-options';
import { withTaskHost } from '../executor-host';
import { runCachePrune } from './run-cache-prune';

/** The executor `nx-registry-cache:cache-prune`: deletes what no live build needs from a cache repository. */
export default function cachePrune(
  options: CachePruneOptions,
  context: ExecutorContext,
): Promise<{ readonly success: boolean }> {
  return withTaskHost(context, { temporaryDirectory: tmpdir() }, (invocation, host) =>
    runCachePrune(options, { invocation, host }),
  );
}
