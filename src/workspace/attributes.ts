import { splitCsvFields } from '../dockerfile/csv';
import type { Mistakes } from './mistakes';

/** What a `key=value,key=value` option says, keys in lower case. */
export interface Attributes {
  readonly values: ReadonlyMap<string, string>;
  /** Fields without `=`, in order. */
  readonly words: readonly string[];
}

/** Splits an option as buildx does; undefined, with a mistake noted, where its quoting is broken. */
export function splitAttributes(text: string, option: string, mistakes: Mistakes): Attributes | undefined {
  const { fields, error } = splitCsvFields(text);
  if (error !== undefined) {
    mistakes.add('OPTION_INVALID', option, `${error.message} (column ${error.column})`);
    return undefined;
  }
  const values = new Map<string, string>();
  const words: string[] = [];
  for (const field of fields) {
    const equals = field.indexOf('=');
    if (equals < 0) words.push(field.trim());
    else values.set(field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1));
  }
  return { values, words };
}

/** Notes every attribute whose key is not among `known`. */
export function refuseUnknownKeys(
  attributes: Attributes,
  known: readonly string[],
  option: string,
  mistakes: Mistakes,
): void {
  for (const key of attributes.values.keys()) {
    if (!known.includes(key)) mistakes.addUnknownWord(option, 'attribute', key, known);
  }
}

const trueWords = new Set(['1', 't', 'true']);
const falseWords = new Set(['0', 'f', 'false']);

/** A boolean as buildx takes it; an empty value means true. */
export function readBoolean(
  { values }: Attributes,
  key: string,
  option: string,
  mistakes: Mistakes,
): boolean | undefined {
  const text = values.get(key);
  if (text === undefined) return undefined;
  const word = text.toLowerCase();
  if (word === '' || trueWords.has(word)) return true;
  if (!falseWords.has(word)) mistakes.add('OPTION_INVALID', option, `${key}=${text} is neither true nor false`);
  return false;
}
