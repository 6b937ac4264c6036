import type { Heredoc } from './ast';
import { findHeredocWords, takesHeredocs, type HeredocWord } from './heredoc';
import type { LineReader } from './line-reader';
import type { LogicalLine } from './logical-line';
import type { Problem } from './problem';
import { splitStatement, type Statement } from './statement';
import { trimSpace } from './white-space';

/** A statement with the lines that it came from. */
export interface ReadStatement {
  readonly statement: Statement;
  readonly line: LogicalLine;
  /** False where a here-document could not be read, which is reported. */
  readonly complete: boolean;
}

export interface StatementReaderOptions {
  /** Of the `# escape=` directive. */
  readonly escape: string;
  readonly report: (line: LogicalLine, problem: Problem) => void;
}

/** Makes statements of lines, with the here-documents that follow them. */
export class StatementReader {
  constructor(
    private readonly lines: LineReader,
    private readonly options: StatementReaderOptions,
  ) {}

  /** The next statement, or undefined at the end of the file. */
  next(): ReadStatement | undefined {
    const line = this.lines.next();
    if (line === undefined) return undefined;
    const { escape } = this.options;
    const parts = { ...splitStatement({ text: line.text, offset: 0 }, escape), escape };
    const words = takesHeredocs(parts) ? findHeredocWords(line.text) : [];
    const heredocs: Heredoc[] = [];
    for (const found of words) {
      const heredoc = found.kind === 'heredoc' ? this.#heredoc(found.word, line) : undefined;
      if (heredoc !== undefined) heredocs.push(heredoc);
      if (found.kind !== 'failed') continue;
      this.options.report(line, { code: 'DOCKERFILE_HEREDOC', message: `bad here-document: ${found.message}` });
    }
    const statement = { ...parts, heredocs, range: line.range, source: trimSpace(line.text) };
    return { statement, line, complete: heredocs.length === words.length };
  }

  #heredoc(word: HeredocWord, line: LogicalLine): Heredoc | undefined {
    const { name, chomp } = word;
    const content = this.lines.heredocBody(name, chomp, line);
    if (content !== undefined) return { ...word, content };
    const offset = Math.max(line.text.indexOf('<<'), 0);
    const message = `the here-document never ends: no line says "${name}"`;
    const hint = `put ${name} on a line of its own, without spaces around it`;
    this.options.report(line, { code: 'DOCKERFILE_UNTERMINATED_HEREDOC', message, hint, offset });
    return undefined;
  }
}
