import type { CacheConfig } from '../../cache/contract';
import { readGoldenCases, type GoldenCase } from './case';
import { compareWithGolden } from './compare';

export interface GoldenRunOptions {
  /**
   * Builds a case and gives the cache that it would export with `mode=max`. The cases were recorded by a builder that
   * remembered what it had built, the other cases included, so this one has to as well.
   */
  readonly build: (golden: GoldenCase) => Promise<CacheConfig>;
  readonly print: (line: string) => void;
  /** Only cases of these names; none means all. */
  readonly only?: readonly string[];
}

/**
 * Builds every case below `directory`, and once all are known to the builder, builds again and compares. Prints the first difference of each failing case, and at the end
 * `N passed, N failed`; gives whether all passed.
 */
export async function runGolden(directory: string, options: GoldenRunOptions): Promise<boolean> {
  const cases = await readGoldenCases(directory);
  const wanted = cases.filter(({ name }) => options.only === undefined || options.only.includes(name));
  // What fails here fails again below, where it is told.
  for (const golden of cases) await options.build(golden).catch(() => undefined);
  let failed = 0;
  for (const golden of wanted) {
    const problem = await check(golden, options);
    if (problem.length === 0) continue;
    failed++;
    for (const line of problem) options.print(line);
  }
  options.print(`${wanted.length - failed} passed, ${failed} failed`);
  return failed === 0 && wanted.length > 0;
}

async function check(golden: GoldenCase, options: GoldenRunOptions): Promise<readonly string[]> {
  try {
    const found = compareWithGolden(golden, await options.build(golden));
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
