import type { Heredoc, InstructionRange } from './ast';
import { isSpace, trimSpace, trimSpaceEnd } from './white-space';

/** Text and where it begins in the logical line. */
export interface Located {
  readonly text: string;
  readonly offset: number;
}

/** An instruction taken apart as far as all instructions are alike. */
export interface Statement {
  readonly keyword: Located;
  /** The keyword in upper case. */
  readonly name: string;
  /** Words that begin with `--`, their quotes and escapes resolved. */
  readonly flags: readonly Located[];
  /** What follows the flags, without white space around it. */
  readonly rest: Located;
  readonly heredocs: readonly Heredoc[];
  readonly range: InstructionRange;
  /** As written, continuations joined. */
  readonly source: string;
  /** Of the `# escape=` directive. */
  readonly escape: string;
}

/** The parts of a statement that its text alone tells. `offset` is where `text` begins in the logical line. */
export function splitStatement(
  { text, offset }: Located,
  escape: string,
): Pick<Statement, 'keyword' | 'name' | 'flags' | 'rest'> {
  const trimmed = trimSpaceEnd(text);
  const start = trimmed.length - trimSpace(trimmed).length;
  const [keyword = ''] = /^[^\t\v\f\r ]*/.exec(trimmed.slice(start)) ?? [];
  const { flags, end } = scanFlags(trimmed, start + keyword.length, escape);
  return {
    keyword: { text: keyword, offset: offset + start },
    name: keyword.toUpperCase(),
    flags: flags.map((flag) => ({ text: flag.text, offset: offset + flag.offset })),
    rest: located(trimmed, end, offset),
  };
}

function located(text: string, from: number, offset: number): Located {
  let start = from;
  while (start < text.length && isSpace(text.charAt(start))) start++;
  return { text: text.slice(start), offset: offset + start };
}

/** Flags end at the first word without `--`, or behind a lone `--`. */
function scanFlags(text: string, from: number, escape: string): { readonly flags: Located[]; readonly end: number } {
  const flags: Located[] = [];
  let position = from;
  for (;;) {
    while (position < text.length && isSpace(text.charAt(position))) position++;
    if (!text.startsWith('--', position)) return { flags, end: position };
    const word = scanFlag(text, position, escape);
    if (word.text === '--') return { flags, end: word.end };
    flags.push({ text: word.text, offset: position });
    position = word.end;
  }
}

function scanFlag(text: string, from: number, escape: string): { readonly text: string; readonly end: number } {
  let word = '';
  let quote = '';
  let position = from;
  for (; position < text.length; position++) {
    let character = text.charAt(position);
    if (quote === '' && isSpace(character)) break;
    if (quote === '' ? character === '"' || character === "'" : character === quote) {
      quote = quote === '' ? character : '';
      continue;
    }
    if (character === escape) character = text.charAt(++position);
    word += character;
  }
  return { text: word, end: Math.min(position, text.length) };
}
