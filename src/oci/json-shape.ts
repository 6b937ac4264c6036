import { isDigest, type Digest } from './digest';

/** The document is not of the shape that was asked for. `reason` names the place. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

/** Keys by their lower-case form. */
export type KnownKeys = ReadonlyMap<string, string>;

export function knownKeys(...keys: readonly string[]): KnownKeys {
  return new Map(keys.map((key) => [key.toLowerCase(), key]));
}

type JsonObject = Readonly<Record<string, unknown>>;

/** Reads fields of one object of a hostile document. Each reader throws {@link ShapeError} for a wrong type. */
export class JsonShape {
  readonly #value: JsonObject;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new ShapeError(`${path} is not an object`);
    }
    this.#value = value as JsonObject;
    this.#path = path;
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#value, key);
  }

  /** The field as it is; `null`, which Go writes for absent slices and maps, counts as absent. */
  get(key: string): unknown {
    return this.has(key) ? (this.#value[key] ?? undefined) : undefined;
  }

  /** Go reads `Layers` as `layers`, JavaScript does not: such a document says two things. */
  refuseCaseVariants(known: KnownKeys): void {
    for (const key of Object.keys(this.#value)) {
      const meant = known.get(key.toLowerCase());
      if (meant !== undefined && meant !== key) throw this.wrong(key, `is spelled in another case than "${meant}"`);
    }
  }

  string(key: string): string {
    const value = this.optionalString(key);
    if (value === undefined) throw this.wrong(key, 'is missing');
    return value;
  }

  optionalString(key: string): string | undefined {
    const value = this.get(key);
    if (value !== undefined && typeof value !== 'string') throw this.wrong(key, 'is not a string');
    return value;
  }

  /** A count of bytes: a safe integer of at least 0. */
  size(key: string): number {
    const value = this.get(key);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      throw this.wrong(key, 'is not a whole number of bytes');
    }
    return value;
  }

  digest(key: string): Digest {
    const value = this.get(key);
    if (!isDigest(value)) throw this.wrong(key, 'is not a sha256 or sha512 digest');
    return value;
  }

  object(key: string): JsonShape {
    return new JsonShape(this.get(key), `${this.#path}.${key}`);
  }

  optionalObject(key: string): JsonShape | undefined {
    return this.get(key) === undefined ? undefined : this.object(key);
  }

  /** The elements; an absent array is empty. */
  list(key: string): readonly unknown[] {
    const value = this.get(key) ?? [];
    if (!Array.isArray(value)) throw this.wrong(key, 'is not an array');
    return value as readonly unknown[];
  }

  objects(key: string): readonly JsonShape[] {
    return this.list(key).map((element, index) => new JsonShape(element, `${this.#path}.${key}[${index}]`));
  }

  strings(key: string): readonly string[] {
    return this.list(key).map((element) => {
      if (typeof element !== 'string') throw this.wrong(key, 'is not an array of strings');
      return element;
    });
  }

  optionalStrings(key: string): readonly string[] | undefined {
    return this.get(key) === undefined ? undefined : this.strings(key);
  }

  optionalStringMap(key: string): Readonly<Record<string, string>> | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    const entries = Object.entries(new JsonShape(value, `${this.#path}.${key}`).#value);
    if (entries.some(([, element]) => typeof element !== 'string')) throw this.wrong(key, 'is not a map of strings');
    return Object.fromEntries(entries) as Record<string, string>;
  }

  wrong(key: string, problem: string): ShapeError {
    const shown = key.length <= 64 ? key : `${key.slice(0, 64)}…`;
    return new ShapeError(`${this.#path}.${shown} ${problem}`);
  }
}

/** `{ key: value }`, or nothing where the value is undefined: for spreading into objects with optional fields. */
export function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: V });
}
