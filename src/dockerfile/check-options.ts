/** The `# check=` directive: which rules are off, and whether warnings are errors. */
export interface CheckOptions {
  readonly skipAll: boolean;
  /** Names of rules as BuildKit has them, such as `UndefinedVar`. */
  readonly skip: ReadonlySet<string>;
  readonly error: boolean;
  /** What could not be read. */
  readonly invalid: readonly string[];
}

/** Reads `skip=Rule,Rule;error=true`, or `skip=all`. Options for experimental rules are accepted; there are none here. */
export function parseCheckOptions(text = ''): CheckOptions {
  let skipAll = false;
  let error = false;
  const skip = new Set<string>();
  const invalid: string[] = [];
  for (const part of text === '' ? [] : text.split(';')) {
    const [, key = '', value = ''] = /^\s*(\w+)\s*=(.*)$/.exec(part) ?? [];
    const words = value.split(',').map((word) => word.trim());
    if (key === 'skip' && value.trim() === 'all') skipAll = true;
    else if (key === 'skip') for (const word of words) skip.add(word);
    else if (key === 'error' && /^\s*(?:true|false|1|0)\s*$/i.test(value)) error = /^\s*(?:true|1)/i.test(value);
    else if (key !== 'experimental') invalid.push(part);
  }
  return { skipAll, skip, error, invalid };
}
