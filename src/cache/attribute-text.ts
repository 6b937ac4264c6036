import type { Diagnostic } from '../diagnostics/diagnostic';
import { splitCsvFields } from '../dockerfile/csv';

/** One cache as a user gives it: buildx's text, or the same attributes as an object. */
export type CacheOption = string | Readonly<Record<string, string | number | boolean>>;

export interface AttributeSet {
  /** Names in lower case, `type` among them. */
  readonly attributes: ReadonlyMap<string, string>;
  /** Where the attributes stand, such as `cacheFrom[1]`. */
  readonly option: string;
  /** Whether a diagnostic was given already, so that nothing must come of it. */
  readonly isBroken: boolean;
}

/**
 * Splits buildx's `--cache-from` and `--cache-to` values (`util/buildflags/cache.go`): comma-separated `name=value` with
 * Go's CSV quoting, names without regard to case. Without any `=`, each field is a registry reference of its own. An
 * empty text is nothing.
 */
export function splitCacheOptions(
  options: readonly CacheOption[],
  optionName: string,
): { readonly sets: readonly AttributeSet[]; readonly diagnostics: readonly Diagnostic[] } {
  const sets: AttributeSet[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const [index, value] of options.entries()) {
    const option = `${optionName}[${index}]`;
    if (typeof value !== 'string') {
      const attributes = collect(Object.entries(value).map(([name, text]) => [name, String(text)]));
      sets.push({ option, attributes, isBroken: false });
      continue;
    }
    if (value === '') continue;
    const { fields, error } = splitCsvFields(value);
    if (error) {
      const location = { file: option, column: error.column, lineText: value };
      diagnostics.push({ code: 'CACHE_BAD_CSV', severity: 'error', message: error.message, location });
    } else if (!value.includes('=')) {
      for (const ref of fields) {
        const attributes = new Map([['type', 'registry'] as const, ['ref', ref] as const]);
        sets.push({ option, attributes, isBroken: false });
      }
    } else {
      const problems = problemsOf(fields, option);
      diagnostics.push(...problems);
      const pairs = fields.map(splitPair).filter((pair) => pair !== undefined);
      sets.push({ option, attributes: collect(pairs), isBroken: problems.length > 0 });
    }
  }
  return { sets, diagnostics };
}

type Pair = readonly [name: string, value: string];

function splitPair(field: string): Pair | undefined {
  const equals = field.indexOf('=');
  return equals === -1 ? undefined : [field.slice(0, equals), field.slice(equals + 1)];
}

function collect(pairs: readonly Pair[]): ReadonlyMap<string, string> {
  return new Map(pairs.map(([name, value]) => [name.toLowerCase(), value]));
}

function problemsOf(fields: readonly string[], option: string): readonly Diagnostic[] {
  const seen = new Set<string>();
  return fields.flatMap((field): readonly Diagnostic[] => {
    const problem = (code: string, message: string, hint: string): readonly Diagnostic[] => [
      { code, severity: 'error', message, hint, location: { file: option } },
    ];
    const name = splitPair(field)?.[0].toLowerCase();
    if (name === undefined) {
      return problem('CACHE_BAD_VALUE', `"${field}" is no name=value`, `a reference is written ref=${field}`);
    }
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return problem('CACHE_BAD_VALUE', `"${name}" is given twice`, 'keep one of them');
  });
}
