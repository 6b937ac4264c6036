/**
 * Environment variables in the order in which they reach a process. Setting one that is there moves it to the end: the
 * order is part of BuildKit's cache keys.
 */
export class Environment {
  static readonly empty = new Environment(new Map());

  readonly #values: ReadonlyMap<string, string>;

  private constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  /** From `KEY=value` entries, as an image config has them. An entry without `=` is an empty variable. */
  static from(entries: readonly string[]): Environment {
    return entries.reduce((environment, entry) => {
      const { key, value } = splitEntry(entry);
      return environment.with(key, value);
    }, Environment.empty);
  }

  with(key: string, value: string): Environment {
    const values = new Map(this.#values);
    values.delete(key);
    return new Environment(values.set(key, value));
  }

  without(key: string): Environment {
    const values = new Map(this.#values);
    values.delete(key);
    return new Environment(values);
  }

  get(key: string): string | undefined {
    return this.#values.get(key);
  }

  keys(): readonly string[] {
    return [...this.#values.keys()];
  }

  toEntries(): readonly string[] {
    return [...this.#values].map(([key, value]) => `${key}=${value}`);
  }
}

export function splitEntry(entry: string): { readonly key: string; readonly value: string } {
  const equals = entry.indexOf('=');
  return equals < 0 ? { key: entry, value: '' } : { key: entry.slice(0, equals), value: entry.slice(equals + 1) };
}
