const BYTE_ORDER_MARK = '\ufeff';

/** The text of a file in lines. A byte order mark at its beginning is dropped. */
export class SourceFile {
  /** Lines with their endings; a newline at the end of the file begins no further line. */
  readonly #lines: readonly string[];

  constructor(
    readonly path: string,
    text: string,
  ) {
    const body = text.startsWith(BYTE_ORDER_MARK) ? text.slice(BYTE_ORDER_MARK.length) : text;
    this.#lines = body.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  }

  get lineCount(): number {
    return this.#lines.length;
  }

  /** A line with its ending; `line` counts from 1. */
  rawLine(line: number): string {
    return this.#lines[line - 1] ?? '';
  }

  /** A line without its ending; `line` counts from 1. */
  lineText(line: number): string {
    const raw = this.rawLine(line);
    let end = raw.length;
    while (end > 0 && (raw[end - 1] === '\n' || raw[end - 1] === '\r')) end--;
    return raw.slice(0, end);
  }
}
