import { LogicalLine } from './logical-line';
import type { Problem } from './problem';
import type { SourceFile } from './source-file';
import { trimSpaceStart } from './white-space';

/** BuildKit reads through a buffer of this size and refuses longer lines. */
const MAX_LINE_BYTES = 64 * 1024 - 1;

export interface LineReaderOptions {
  /** Of the `# escape=` directive. */
  readonly escape: string;
  readonly report: (problem: Problem, line: number) => void;
}

/** Gives the logical lines of a Dockerfile, and the bodies of here-documents in between. */
export class LineReader {
  /** The line that was read last, from 1. */
  #line = 0;

  constructor(
    private readonly file: SourceFile,
    private readonly options: LineReaderOptions,
  ) {}

  /** The next instruction, or undefined at the end. Blank lines and comments are skipped. */
  next(): LogicalLine | undefined {
    while (this.#line < this.file.lineCount) {
      const whole = this.#nextLine();
      const text = trimSpaceStart(whole);
      if (text !== '' && !text.startsWith('#')) return this.#join(text, whole.length - text.length + 1);
    }
    return undefined;
  }

  /**
   * The body of a here-document up to the line that says `name`, tabs before it ignored if `chomp`. Undefined where that
   * line never comes; the rest of the file is used up then, as BuildKit has it.
   */
  heredocBody(name: string, chomp: boolean, owner: LogicalLine): string | undefined {
    const parts: string[] = [];
    while (this.#line < this.file.lineCount) {
      const text = this.#nextLine();
      owner.extendTo(this.#line);
      if ((chomp ? text.replace(/^\t+/, '') : text) === name) return parts.join('');
      parts.push(this.file.rawLine(this.#line));
    }
    return undefined;
  }

  #join(first: string, column: number): LogicalLine {
    const joined = new LogicalLine(this.#line);
    const start = this.#cutContinuation(first);
    joined.append(start.text, this.#line, column);
    let continues = start.continues;
    let emptyLine: number | undefined;
    while (continues && this.#line < this.file.lineCount) {
      const whole = this.#nextLine();
      joined.extendTo(this.#line);
      const text = trimSpaceStart(whole);
      if (text.startsWith('#')) continue;
      if (text === '') {
        emptyLine ??= this.#line;
        continue;
      }
      const part = this.#cutContinuation(whole);
      joined.append(part.text, this.#line, 1);
      continues = part.continues;
    }
    if (emptyLine !== undefined) {
      const message = 'an empty line inside an instruction; later versions of the syntax refuse it';
      const hint = 'remove the line, or the escape character at the end of the line before';
      this.options.report({ code: 'DOCKERFILE_EMPTY_CONTINUATION', severity: 'warning', message, hint }, emptyLine);
    }
    return joined;
  }

  /** A line goes on if it ends in one escape character, not two, with only spaces and tabs behind it. */
  #cutContinuation(text: string): { readonly text: string; readonly continues: boolean } {
    let end = text.length;
    while (end > 0 && (text[end - 1] === ' ' || text[end - 1] === '\t')) end--;
    const { escape } = this.options;
    const continues = end > 0 && text[end - 1] === escape && text[end - 2] !== escape;
    return continues ? { text: text.slice(0, end - 1), continues } : { text, continues };
  }

  #nextLine(): string {
    const text = this.file.lineText(++this.#line);
    if (text.length > MAX_LINE_BYTES / 3 && Buffer.byteLength(text) > MAX_LINE_BYTES) {
      const message = `the line is longer than ${MAX_LINE_BYTES} bytes, which BuildKit refuses`;
      this.options.report({ code: 'DOCKERFILE_LINE_TOO_LONG', message }, this.#line);
    }
    return text;
  }
}
