import type { Diagnostic, Severity } from '../diagnostics/diagnostic';
import type { Dockerfile, InstructionRange } from '../dockerfile/ast';

export interface Finding {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly range?: InstructionRange | undefined;
  /** Text on the first line of `range` to point at. */
  readonly near?: string | undefined;
}

/** Collects what is wrong with a Dockerfile, so that the user sees all of it at once. */
export class Reporter {
  readonly #lines: readonly string[];
  readonly #diagnostics: Diagnostic[] = [];

  constructor(readonly dockerfile: Dockerfile) {
    this.#lines = dockerfile.text.split('\n');
  }

  get diagnostics(): readonly Diagnostic[] {
    return this.#diagnostics;
  }

  /** Takes over what others found. */
  add(diagnostics: readonly Diagnostic[]): void {
    this.#diagnostics.push(...diagnostics);
  }

  /** Takes back those that `matches`, of what was added after the first `count`. */
  dropFrom(count: number, matches: (diagnostic: Diagnostic) => boolean = () => true): void {
    const kept = this.#diagnostics.slice(count).filter((diagnostic) => !matches(diagnostic));
    this.#diagnostics.splice(count, Infinity, ...kept);
  }

  /** The lines of a range as they stand in the file. */
  textOf({ line, endLine }: InstructionRange): string {
    return this.#lines.slice(line - 1, endLine).join('\n');
  }

  error(finding: Finding): void {
    this.#add('error', finding);
  }

  warning(finding: Finding): void {
    this.#add('warning', finding);
  }

  #add(severity: Severity, { code, message, hint, range, near }: Finding): void {
    this.#diagnostics.push({
      code,
      severity,
      message,
      ...(hint !== undefined && { hint }),
      location: { file: this.dockerfile.path, ...(range !== undefined && this.#place(range, near)) },
    });
  }

  #place(range: InstructionRange, near: string | undefined): { line: number; column: number; lineText: string } {
    for (let line = range.line; near !== undefined && near !== '' && line <= range.endLine; line++) {
      const lineText = this.#lineText(line);
      const column = indexOfWord(lineText, near);
      if (column >= 0) return { line, column: column + 1, lineText };
    }
    const lineText = this.#lineText(range.line);
    return { line: range.line, column: lineText.search(/\S|$/) + 1, lineText };
  }

  #lineText(line: number): string {
    return (this.#lines[line - 1] ?? '').replace(/\r$/, '');
  }
}

/** Where `word` stands in `text`, rather by itself than as part of a longer word; -1 if nowhere. */
function indexOfWord(text: string, word: string): number {
  const wordCharacter = /[\w.-]/;
  for (let index = text.indexOf(word); index >= 0; index = text.indexOf(word, index + 1)) {
    const before = text.charAt(index - 1);
    const after = text.charAt(index + word.length);
    if (!wordCharacter.test(before) && !wordCharacter.test(after)) return index;
  }
  return text.indexOf(word);
}
