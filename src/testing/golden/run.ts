import type { CacheConfig } from '../../cache/contract';
import type { GoldenCase } from './case';
import { compareWithGolden } from './compare';

/** The builder that is given everything; any other name is that of one without a history. */
export const rememberingBuilder = 'all';

export interface GoldenRunOptions {
  /** Builds a case on the builder of that name, and gives the cache that it would export with `mode=max`. */
  readonly build: (golden: GoldenCase, builder: string) => Promise<CacheConfig>;
  readonly print: (line: string) => void;
  /** What the recording builder is known to have built besides; only remembered, not compared. */
  readonly alsoBuilt?: readonly GoldenCase[];
  /** Only cases of these names; none means all. */
  readonly only?: readonly string[];
}

/**
 * Builds every case and compares. A builder links what it remembers of other builds, and what the recording one had in
 * mind is not recorded: so a case is built by one that knows all of them, and if that differs, by one that knows
 * nothing. Prints the first difference of each failing case, and at the end `N passed, N failed`; gives whether there
 * were cases and all passed.
 */
export async function runGolden(cases: readonly GoldenCase[], options: GoldenRunOptions): Promise<boolean> {
  const names = new Set(cases.map(({ name }) => name));
  const before = (options.alsoBuilt ?? []).filter(({ name }) => !names.has(name));
  // What fails here fails again below, where it is told.
  for (const golden of [...before, ...cases]) await options.build(golden, rememberingBuilder).catch(() => undefined);
  const wanted = cases.filter(({ name }) => options.only === undefined || options.only.includes(name));
  let failed = 0;
  for (const golden of wanted) {
    const problem = await check(golden, rememberingBuilder, options);
    if (problem.length === 0) continue;
    if ((await check(golden, `alone-${golden.name}`, options)).length === 0) continue;
    failed++;
    for (const line of problem) options.print(line);
  }
  options.print(`${wanted.length - failed} passed, ${failed} failed`);
  return failed === 0 && wanted.length > 0;
}

async function check(golden: GoldenCase, builder: string, options: GoldenRunOptions): Promise<readonly string[]> {
  try {
    const found = compareWithGolden(golden, await options.build(golden, builder));
    const [first] = found;
    if (first === undefined) return [];
    const more = found.length > 1 ? ` (and ${found.length - 1} more)` : '';
    return [
      `${golden.name}: ${first.side} record ${first.digest}${more}`,
      ...first.explanation.map((line) => `  ${line}`),
    ];
  } catch (error) {
    return [`${golden.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`];
  }
}
