import type { InstructionRange } from './ast';

/** A part of a logical line: where it begins in the joined text and in the file. */
interface Piece {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** An instruction as one line: continuations joined, comments in between dropped. Knows where each character stood. */
export class LogicalLine {
  readonly #pieces: Piece[] = [];
  #text = '';
  #endLine: number;

  constructor(readonly startLine: number) {
    this.#endLine = startLine;
  }

  get text(): string {
    return this.#text;
  }

  get range(): InstructionRange {
    return { line: this.startLine, endLine: this.#endLine };
  }

  /** Appends what stood at `column` of `line`. */
  append(text: string, line: number, column: number): void {
    this.#pieces.push({ offset: this.#text.length, line, column });
    this.#text += text;
    this.extendTo(line);
  }

  /** Takes in lines that are no part of the text: comments, and the bodies of here-documents. */
  extendTo(line: number): void {
    this.#endLine = line;
  }

  /** Where the character at `offset` of the text stands in the file. */
  place(offset: number): Place {
    const piece = this.#pieces.findLast((candidate) => candidate.offset <= offset);
    if (piece === undefined) return { line: this.startLine, column: 1 };
    return { line: piece.line, column: piece.column + offset - piece.offset };
  }
}
