/** What promises of these types give. */
type Settled<T extends readonly unknown[]> = { -readonly [K in keyof T]: Awaited<T[K]> };

/**
 * All results, or the first error once all have ended: what is on its way is not cut off by another's failure, and has
 * removed its unfinished files before the process may end.
 */
export async function settleAll<const T extends readonly unknown[]>(tasks: T): Promise<Settled<T>> {
  await Promise.allSettled(tasks);
  return Promise.all(tasks);
}
