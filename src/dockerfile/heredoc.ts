import type { Heredoc } from './ast';
import { processWords, type ExpandOptions } from './expand';
import type { Statement } from './statement';
import { parseJsonArray } from './json-array';
import { splitStatement } from './statement';

/** Instructions that take here-documents, unless they are in exec form. */
const TAKES_HEREDOCS = ['ADD', 'COPY', 'RUN'];

/** A here-document's word, before its body is read. */
export type HeredocWord = Omit<Heredoc, 'content'>;

export type HeredocWordResult =
  | { readonly kind: 'heredoc'; readonly word: HeredocWord }
  /** Some other word. */
  | { readonly kind: 'none' }
  | { readonly kind: 'failed'; readonly message: string };

/** The words of a shell are looked at, not expanded, and always with a backslash as escape character. */
const KEEP: ExpandOptions = { rawQuotes: true, skipUnsetEnv: true };

/** Reads `<<EOF`, `<<-EOF`, `3<<"EOF"` and the like. The body is expanded unless part of the name is quoted. */
export function parseHeredocWord(word: string): HeredocWordResult {
  const [, descriptor = '', dash = '', rest = ''] = /^(\d*)<<(-?)[\t\n\f\r ]*([^<\t\n\f\r ][^<]*)$/.exec(word) ?? [];
  if (rest === '') return { kind: 'none' };
  const names = processWords(rest, noVariables, { skipUnsetEnv: true });
  if (names.kind === 'failed') return { kind: 'failed', message: names.message };
  const [name, ...more] = names.value;
  if (name === undefined || more.length > 0) return { kind: 'none' };
  const raw = processWords(rest, noVariables, KEEP);
  const quoted = raw.kind === 'expanded' && quoteCount(raw.value.join(' ')) !== quoteCount(name);
  return {
    kind: 'heredoc',
    word: { name, chomp: dash === '-', expand: !quoted, fileDescriptor: Number(descriptor) },
  };
}

/** Whether the bodies of here-documents may follow the statement. */
export function takesHeredocs(statement: Pick<Statement, 'name' | 'rest' | 'escape'>): boolean {
  const { name, rest } = statement.name === 'ONBUILD' ? splitStatement(statement.rest, statement.escape) : statement;
  return TAKES_HEREDOCS.includes(name) && parseJsonArray(rest.text).kind !== 'strings';
}

/** The here-documents that an instruction's line announces, in order. Quoting a word hides it. */
export function findHeredocWords(line: string): readonly HeredocWordResult[] {
  if (!line.includes('<<')) return [];
  const words = processWords(line, noVariables, { ...KEEP, rawEscapes: true });
  if (words.kind === 'failed') return [];
  return words.value.map(parseHeredocWord).filter((word) => word.kind !== 'none');
}

/** The body as its reader gets it: without the leading tabs of each line if it was announced by `<<-`. */
export function heredocText({ content, chomp }: Pick<Heredoc, 'content' | 'chomp'>): string {
  return chomp ? content.replace(/(^|\n)\t+/g, '$1') : content;
}

function noVariables(): undefined {
  return undefined;
}

function quoteCount(text: string): number {
  return text.split(/['"]/).length;
}
