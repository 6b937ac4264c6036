import type { Diagnostic, SourceLocation } from './diagnostic';

/** Source lines are cut to this many characters, around the column, so that a minified line stays readable. */
const MAX_LINE_CHARACTERS = 160;

/** A file that is no Dockerfile has a mistake in each line; nobody reads more than this many. */
const MAX_SHOWN = 100;

const ELLIPSIS = '…';

/**
 * The text that a person reads: per diagnostic one line `file:line:column: severity CODE: message`, under it the source
 * line with a caret, and the hint. Control characters of the source are replaced, so that a file cannot drive a terminal.
 *
 * At most 100 are shown, errors first then, and how many there are besides. Ends without a newline; the empty string for no diagnostics.
 */
export function formatDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const isError = ({ severity }: Diagnostic): boolean => severity === 'error';
  const ordered =
    diagnostics.length <= MAX_SHOWN
      ? diagnostics
      : [...diagnostics.filter(isError), ...diagnostics.filter((each) => !isError(each))];
  const shown = ordered.slice(0, MAX_SHOWN).map(formatDiagnostic);
  const more = diagnostics.length - shown.length;
  return [...shown, ...(more > 0 ? [`${more} more are not shown`] : [])].join('\n\n');
}

function formatDiagnostic(diagnostic: Diagnostic): string {
  const { code, severity, message, hint, location } = diagnostic;
  const place = location === undefined ? '' : `${formatPlace(location)}: `;
  const lines = [`${place}${severity} ${code}: ${printable(message)}`];
  if (location?.lineText !== undefined) lines.push(...excerpt(location.lineText, location.column));
  if (hint !== undefined) lines.push(`  hint: ${printable(hint)}`);
  return lines.join('\n');
}

function formatPlace({ file, line, column }: SourceLocation): string {
  return [file, line, column].filter((part) => part !== undefined).join(':');
}

function excerpt(lineText: string, column: number | undefined): string[] {
  const text = printable(lineText);
  if (column === undefined) return [`  | ${cut(text, 0).text}`];
  const shown = cut(text, column - 1);
  // Tabs stay tabs, so that the caret stands below its character whatever their width.
  const indent = shown.text.slice(0, shown.caret).replace(/[^\t]/g, ' ');
  return [`  | ${shown.text}`, `  | ${indent}^`];
}

function cut(text: string, caret: number): { readonly text: string; readonly caret: number } {
  if (text.length <= MAX_LINE_CHARACTERS) return { text, caret: Math.min(caret, text.length) };
  const start = Math.max(0, Math.min(caret - MAX_LINE_CHARACTERS / 2, text.length - MAX_LINE_CHARACTERS));
  const end = start + MAX_LINE_CHARACTERS;
  const head = start > 0 ? ELLIPSIS : '';
  const tail = end < text.length ? ELLIPSIS : '';
  return { text: head + text.slice(start, end) + tail, caret: caret - start + head.length };
}

/** Marks of writing direction go, too: with them, a line can read as another one than it is. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}
