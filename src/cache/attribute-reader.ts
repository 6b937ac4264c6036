import type { Diagnostic } from '../diagnostics/diagnostic';
import { nearestWord } from '../diagnostics/nearest-word';

/** What Go's `strconv.ParseBool` takes, which is what buildx takes. */
const booleans: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((text) => [text, false] as const),
]);

const wholeNumber = /^[+-]?\d{1,15}$/;

/** A mistake that BuildKit lets pass in silence; what it does then is what happens where mistakes are warnings. */
export interface ProblemOptions {
  /** Default false: BuildKit refuses it, too, so that it is an error in any case. */
  readonly tolerated?: boolean;
}

export interface AttributeReaderOptions {
  /** Where the attributes stand, such as `cacheTo[0]`. */
  readonly option: string;
  /** Whether what BuildKit tolerates is an error; else it is a warning. */
  readonly strict: boolean;
}

/** Reads the attributes of one cache and collects all that is wrong with them. */
export class AttributeReader {
  readonly diagnostics: Diagnostic[] = [];

  constructor(
    private readonly attributes: ReadonlyMap<string, string>,
    private readonly options: AttributeReaderOptions,
  ) {}

  /** Refuses attributes that are none of `known`. `elsewhere` are words that have a meaning, but not here. */
  refuseUnknown(
    known: readonly string[],
    kind: string,
    elsewhere: { readonly names: readonly string[]; readonly hint: (name: string) => string },
  ): void {
    for (const name of this.attributes.keys()) {
      if (known.includes(name)) continue;
      const near = nearestWord(name, known);
      const hint = elsewhere.names.includes(name)
        ? elsewhere.hint(name)
        : near === undefined
          ? `known are ${known.join(', ')}`
          : `did you mean "${near}"?`;
      this.fail('CACHE_UNKNOWN_ATTRIBUTE', `"${name}" is no attribute of ${kind}`, hint, { tolerated: true });
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
  word<T extends string>(name: string, words: readonly T[], fallback: T, problem?: ProblemOptions): T {
    const value = this.attributes.get(name);
    if (value === undefined) return fallback;
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    const near = nearestWord(value, words);
    const hint = near === undefined ? `it is one of ${words.join(', ')}` : `did you mean "${name}=${near}"?`;
    this.fail('CACHE_BAD_VALUE', `"${value}" is no value of ${name}`, hint, problem);
    return fallback;
  }

  /** `empty` is what `name=` without a value means; an error if it is not given. */
  boolean(name: string, fallback: boolean, options: { readonly empty?: boolean } & ProblemOptions = {}): boolean {
    const value = this.attributes.get(name);
    if (value === undefined) return fallback;
    const parsed = value === '' ? options.empty : booleans.get(value);
    if (parsed === undefined) {
      const near = nearestWord(value.toLowerCase(), ['true', 'false']);
      const hint = near === undefined ? 'it is true or false' : `did you mean "${name}=${near}"?`;
      this.fail('CACHE_BAD_VALUE', `"${value}" is no value of ${name}`, hint, options);
    }
    return parsed ?? fallback;
  }

  integer(name: string): number | undefined {
    const value = this.attributes.get(name);
    if (value === undefined) return undefined;
    if (wholeNumber.test(value)) return Number(value);
    this.fail('CACHE_BAD_VALUE', `"${value}" is no value of ${name}`, 'it is a whole number');
    return undefined;
  }

  fail(code: string, message: string, hint?: string, { tolerated = false }: ProblemOptions = {}): void {
    this.diagnostics.push({
      code,
      severity: tolerated && !this.options.strict ? 'warning' : 'error',
      message,
      location: { file: this.options.option },
      ...(hint !== undefined && { hint }),
    });
  }

  /** Something that works, but not as its writer may think. */
  warn(code: string, message: string, hint: string): void {
    this.diagnostics.push({ code, severity: 'warning', message, hint, location: { file: this.options.option } });
  }
}
