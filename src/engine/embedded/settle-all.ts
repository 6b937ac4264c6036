/**
 * All results, or the first error once all have ended: what is on its way is not cut off by another's failure, and has
 * removed its unfinished files before the process may end.
 */
export async function settleAll<T>(tasks: readonly Promise<T>[]): Promise<readonly T[]> {
  const settled = await Promise.allSettled(tasks);
  return settled.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason as Error;
    return outcome.value;
  });
}
