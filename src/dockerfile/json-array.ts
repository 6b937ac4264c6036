/** What a text is as the array of strings that exec forms are written in. */
export type JsonArray =
  | { readonly kind: 'strings'; readonly items: readonly string[] }
  /** An array, but not only of strings: an error wherever the form is allowed. */
  | { readonly kind: 'other-items' }
  /** No JSON array: the instruction is in shell form. */
  | { readonly kind: 'none' };

/** Tells the exec form from the shell form. Only the whole text being JSON makes it the exec form. */
export function parseJsonArray(text: string): JsonArray {
  if (!text.startsWith('[')) return { kind: 'none' };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'none' };
  }
  if (!Array.isArray(value)) return { kind: 'none' };
  const items = value.filter((item): item is string => typeof item === 'string');
  return items.length === value.length ? { kind: 'strings', items } : { kind: 'other-items' };
}
