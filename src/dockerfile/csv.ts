/** What {@link splitCsvFields} gives: the fields that could be read, and the error that stopped it. */
export interface CsvFields {
  readonly fields: readonly string[];
  /** `column` counts UTF-16 units from 1 and points at the offending quote. */
  readonly error?: { readonly column: number; readonly message: string };
}

/**
 * Splits one comma-separated line by the rules of Go's `encoding/csv`, which `--mount`, `--cache-to` and the like are
 * written in: a field that begins with `"` ends at the next lone `"`, `""` inside stands for one, and a quote anywhere
 * else is an error. Spaces belong to the field. One trailing newline is allowed; the empty text is an error.
 */
export function splitCsvFields(text: string): CsvFields {
  const line = text.replace(/\r?\n$/, '');
  if (line === '') return { fields: [], error: { column: 1, message: 'the value is empty' } };
  const fields: string[] = [];
  let position = 0;
  for (;;) {
    const field = line.charAt(position) === '"' ? quotedField(line, position) : bareField(line, position);
    if ('message' in field) return { fields, error: { column: field.at + 1, message: field.message } };
    fields.push(field.value);
    if (field.end >= line.length) return { fields };
    position = field.end + 1;
  }
}

/** One line of fields as {@link splitCsvFields} reads it: quoted where a comma or a quote makes it necessary. */
export function joinCsvFields(fields: readonly string[]): string {
  return fields.map((field) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',');
}

/** `end` is the index of the comma that follows, or the length of the line. */
interface Field {
  readonly value: string;
  readonly end: number;
}

interface BadField {
  readonly at: number;
  readonly message: string;
}

function bareField(line: string, start: number): Field | BadField {
  const comma = line.indexOf(',', start);
  const end = comma < 0 ? line.length : comma;
  const value = line.slice(start, end);
  const quote = value.indexOf('"');
  if (quote >= 0) return { at: start + quote, message: 'a quote inside a field that does not begin with one' };
  return { value, end };
}

function quotedField(line: string, start: number): Field | BadField {
  let value = '';
  let position = start + 1;
  for (;;) {
    const quote = line.indexOf('"', position);
    if (quote < 0) return { at: start, message: 'a quote that is never closed' };
    value += line.slice(position, quote);
    const next = line.charAt(quote + 1);
    if (next === '"') {
      value += '"';
      position = quote + 2;
    } else if (next === '' || next === ',') {
      return { value, end: quote + 1 };
    } else {
      return { at: quote, message: 'text after the closing quote of a field' };
    }
  }
}
