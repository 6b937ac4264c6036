import type { Diagnostic } from '../diagnostics/diagnostic';
import { nearestWord } from '../diagnostics/nearest-word';

/** What Go's `strconv.ParseBool` takes, which is what buildx takes. */
const booleans: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((text) => [text, false] as const),
]);

const wholeNumber = /^[+-]?\d{1,15}$/;

/** Reads the attributes of one cache and collects all that is wrong with them. */
export class AttributeReader {
  readonly diagnostics: Diagnostic[] = [];

  /** @param option where the attributes stand, such as `cacheTo[0]`. */
  constructor(
    private readonly attributes: ReadonlyMap<string, string>,
    private readonly option: string,
  ) {}

  /** Refuses attributes that are none of `known`. */
  refuseUnknown(known: readonly string[], kind: string): void {
    for (const name of this.attributes.keys()) {
      if (known.includes(name)) continue;
      const near = nearestWord(name, known);
      const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean "${near}"?`;
      this.fail('CACHE_UNKNOWN_ATTRIBUTE', `"${name}" is no attribute of ${kind}`, hint);
    }
  }

  has(name: string): boolean {
    return this.attributes.has(name);
  }

  text(name: string): string | undefined {
    return this.attributes.get(name);
  }

  required(name: string, kind: string): string {
    const value = this.attributes.get(name) ?? '';
    if (value === '') this.fail('CACHE_MISSING_ATTRIBUTE', `${kind} needs ${name}=…`);
    return value;
  }

  /** One of some words; the fallback if it is not given or wrong. */
  word<T extends string>(name: string, words: readonly T[], fallback: T): T {
    const value = this.attributes.get(name);
    if (value === undefined) return fallback;
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    const near = nearestWord(value, words);
    const hint = near === undefined ? `it is one of ${words.join(', ')}` : `did you mean "${name}=${near}"?`;
    this.fail('CACHE_BAD_VALUE', `"${value}" is no value of ${name}`, hint);
    return fallback;
  }

  /** `empty` is what `name=` without a value means; an error if it is not given. */
  boolean(name: string, fallback: boolean, options: { readonly empty?: boolean } = {}): boolean {
    const value = this.attributes.get(name);
    if (value === undefined) return fallback;
    const parsed = value === '' ? options.empty : booleans.get(value);
    if (parsed === undefined) this.fail('CACHE_BAD_VALUE', `"${value}" is no value of ${name}`, 'it is true or false');
    return parsed ?? fallback;
  }

  integer(name: string): number | undefined {
    const value = this.attributes.get(name);
    if (value === undefined) return undefined;
    if (wholeNumber.test(value)) return Number(value);
    this.fail('CACHE_BAD_VALUE', `"${value}" is no value of ${name}`, 'it is a whole number');
    return undefined;
  }

  fail(code: string, message: string, hint?: string): void {
    this.diagnostics.push({
      code,
      severity: 'error',
      message,
      location: { file: this.option },
      ...(hint !== undefined && { hint }),
    });
  }
}
