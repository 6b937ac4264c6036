import type { CacheCopyOptions } from '../../workspace/cache-task-options';
import { planCacheCopy } from '../../workspace/cache-task-plan';
import type { Invocation } from '../../workspace/invocation';
import { copyCaches } from './copy-caches';
import type { TaskHost } from '../executor-host';
import { runCacheTask } from '../run-cache-task';

/** Checks options, copies, prints. Never throws: what goes wrong is printed. */
export function runCacheCopy(
  options: CacheCopyOptions,
  context: { readonly invocation: Invocation; readonly host: TaskHost },
): Promise<{ readonly success: boolean }> {
  return runCacheTask(planCacheCopy(options, context.invocation), context, copyCaches);
}
