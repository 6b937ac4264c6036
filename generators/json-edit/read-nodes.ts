/** A value of a JSON text, by where it stands: from `start` up to `end`, not included. */
export type JsonNode =
  | {
      readonly kind: 'object';
      readonly start: number;
      readonly end: number;
      readonly properties: readonly JsonProperty[];
    }
  | { readonly kind: 'array'; readonly start: number; readonly end: number; readonly items: readonly JsonNode[] }
  | { readonly kind: 'scalar'; readonly start: number; readonly end: number; readonly value: unknown };

export interface JsonProperty {
  readonly key: string;
  /** Where its key begins. */
  readonly start: number;
  readonly value: JsonNode;
}

/** White space and comments. */
const gap = /(?:\s|\/\/[^\n]*|\/\*[^]*?\*\/)*/y;
const scalar = /"(?:\\.|[^"\\])*"|[-+.\w]+/y;

/**
 * Reads where everything stands in a JSON text that may have comments and trailing commas.
 *
 * @throws Error with the offset where it is no JSON.
 */
export function readNodes(text: string): JsonNode {
  const reader = new NodeReader(text);
  const node = reader.value();
  reader.skip();
  if (reader.position < text.length) throw reader.failure();
  return node;
}

class NodeReader {
  position: number;

  constructor(private readonly text: string) {
    this.position = text.startsWith('\ufeff') ? 1 : 0;
  }

  failure(): Error {
    return new Error(`no JSON at offset ${this.position}`);
  }

  skip(): void {
    this.#match(gap);
  }

  value(): JsonNode {
    this.skip();
    const start = this.position;
    if (this.#take('{')) {
      const properties = this.#list('}', () => this.#property());
      return { kind: 'object', start, end: this.position, properties };
    }
    if (this.#take('[')) {
      const items = this.#list(']', () => this.value());
      return { kind: 'array', start, end: this.position, items };
    }
    const value = this.#scalar();
    return { kind: 'scalar', start, end: this.position, value };
  }

  #property(): JsonProperty {
    this.skip();
    const start = this.position;
    const key = this.#scalar();
    this.skip();
    if (typeof key !== 'string' || !this.#take(':')) throw this.failure();
    return { key, start, value: this.value() };
  }

  #scalar(): unknown {
    const found = this.#match(scalar);
    try {
      return JSON.parse(found) as unknown;
    } catch {
      throw this.failure();
    }
  }

  #list<T>(end: string, read: () => T): readonly T[] {
    const list: T[] = [];
    for (;;) {
      this.skip();
      if (this.#take(end)) return list;
      list.push(read());
      this.skip();
      if (!this.#take(',') && this.text[this.position] !== end) throw this.failure();
    }
  }

  #take(character: string): boolean {
    if (this.text[this.position] !== character) return false;
    this.position++;
    return true;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.position;
    const [found = ''] = pattern.exec(this.text) ?? [];
    this.position += found.length;
    return found;
  }
}
