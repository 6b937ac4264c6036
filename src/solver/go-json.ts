/**
 * A value as Go's `encoding/json` sees it: an object is a struct whose fields stand in the order of its keys, bytes are
 * `[]byte`, and a field that is undefined was left out by `omitempty`.
 */
export type GoValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | Uint8Array
  | readonly GoValue[]
  | { readonly [field: string]: GoValue };

/**
 * The text that Go's `json.Marshal` gives. BuildKit hashes such text into cache keys, so it differs from
 * `JSON.stringify` where Go does: `<`, `>`, `&`, U+2028 and U+2029 are escaped, bytes are base64, and what is no UTF-8
 * (a lone surrogate here, see `filetree/path-bytes.ts`) becomes the escape of U+FFFD. Numbers have to be integers.
 */
export function goJson(value: GoValue): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new Error(`${value} is not an integer`);
    return String(value);
  }
  if (value instanceof Uint8Array) return `"${Buffer.from(value).toString('base64')}"`;
  if (isList(value)) return `[${value.map(goJson).join(',')}]`;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields.map(([name, field]) => `${quote(name)}:${goJson(field)}`).join(',')}}`;
}

/** What `omitempty` does: an empty string, list or map, zero and false become undefined, and so does undefined. */
export function omitEmpty<T extends GoValue>(value: T): T | undefined {
  if (value === '' || value === 0 || value === 0n || value === false || value === null) return undefined;
  if ((value instanceof Uint8Array || isList(value)) && value.length === 0) return undefined;
  return value;
}

function isList(value: GoValue): value is readonly GoValue[] {
  return Array.isArray(value);
}

const shortEscapes: ReadonlyMap<string, string> = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

const special =
  /["\\<>&\u0000-\u001f\u2028\u2029]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function quote(text: string): string {
  return `"${text.replace(special, escape)}"`;
}

function escape(character: string): string {
  const short = shortEscapes.get(character);
  if (short !== undefined) return short;
  const code = character.charCodeAt(0);
  if (code >= 0xd800 && code <= 0xdfff) return '\\ufffd';
  return `\\u${code.toString(16).padStart(4, '0')}`;
}
