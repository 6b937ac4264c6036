/** The middle one of several measurements: the ones around it are other work of the machine. */
export function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[values.length >> 1] ?? 0;
}

/** Milliseconds that `work` takes: the median of `rounds`. `prepare` is not measured. */
export async function measureMs(
  work: () => Promise<unknown>,
  { rounds = 1, prepare }: { readonly rounds?: number; readonly prepare?: () => Promise<unknown> } = {},
): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await prepare?.();
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return median(times);
}

/**
 * Milliseconds that each of several takes, the medians of `rounds`. They take turns, so that what else the machine does
 * meets all of them.
 */
export async function measureInTurns(
  works: readonly (() => Promise<number>)[],
  rounds: number,
): Promise<readonly number[]> {
  const times = works.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, work] of works.entries()) times[index]?.push(await work());
  }
  return times.map(median);
}

const bytesPerMegabyte = 1_000_000;

/** Megabytes (10^6 bytes) per second. */
export function megabytesPerSecond(bytes: number, milliseconds: number): number {
  return bytes / bytesPerMegabyte / (milliseconds / 1000);
}
