import type { CacheExportOptions } from '../../workspace/cache-task-options';
import { planCacheExport } from '../../workspace/cache-task-plan';
import type { Invocation } from '../../workspace/invocation';
import { copyCaches } from '../cache-copy/copy-caches';
import type { TaskHost } from '../executor-host';
import { runCacheTask } from '../run-cache-task';

/** Checks options, copies, prints. Never throws: what goes wrong is printed. */
export function runCacheExport(
  options: CacheExportOptions,
  context: { readonly invocation: Invocation; readonly host: TaskHost },
): Promise<{ readonly success: boolean }> {
  return runCacheTask(planCacheExport(options, context.invocation), context, copyCaches);
}
