import type { Diagnostic, SourceLocation } from './diagnostic';

/** Source lines are cut to this many characters, around the column, so that a minified line stays readable. */
const MAX_LINE_CHARACTERS = 160;

const ELLIPSIS = '…';

/**
 * The text that a person reads: per diagnostic one line `file:line:column: severity CODE: message`, under it the source
 * line with a caret, and the hint. Control characters of the source are replaced, so that a file cannot drive a terminal.
 *
 * Ends without a newline; the empty string for no diagnostics.
 */
export function formatDiagnostics(diagnostics: readonly Diagnostic[]): string {
  return diagnostics.map(formatDiagnostic).join('\n\n');
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

function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, '\ufffd');
}
