import type { CopyInstruction, CopySource, Heredoc } from './ast';
import { reportOtherItems } from './command-line';
import { parseFlags, type FlagKind, type Flags } from './flags';
import { parseHeredocWord } from './heredoc';
import { baseOf } from './instruction-parser';
import { parseJsonArray } from './json-array';
import type { Report } from './problem';
import type { Located, Statement } from './statement';
import { splitWords } from './words';

const SHARED_FLAGS = { chown: 'text', chmod: 'text', link: 'switch', exclude: 'texts' } as const;
const COPY_FLAGS: Readonly<Record<string, FlagKind>> = { ...SHARED_FLAGS, from: 'text', parents: 'switch' };
const ADD_FLAGS: Readonly<Record<string, FlagKind>> = {
  ...SHARED_FLAGS,
  checksum: 'text',
  'keep-git-dir': 'switch',
  unpack: 'switch',
};

/** `COPY [--from=…] … source… destination` */
export function parseCopy(statement: Statement, report: Report): CopyInstruction {
  const flags = parseFlags(statement, COPY_FLAGS, report);
  return { kind: 'COPY', ...baseOf(statement), ...parsePaths(statement, report), ...sharedFlags(flags) };
}

/** `ADD [--checksum=…] … source… destination` */
export function parseAdd(statement: Statement, report: Report): CopyInstruction {
  const flags = parseFlags(statement, ADD_FLAGS, report);
  const keepGitDir = flags.switched('keep-git-dir');
  const unpack = flags.switched('unpack');
  return {
    kind: 'ADD',
    ...baseOf(statement),
    ...parsePaths(statement, report),
    ...sharedFlags(flags),
    ...optional('checksum', flags.text('checksum')),
    ...(keepGitDir === undefined ? {} : { keepGitDir }),
    ...(unpack === undefined ? {} : { unpack }),
  };
}

type SharedFlags = Pick<CopyInstruction, 'link' | 'parents' | 'exclude' | 'from' | 'chown' | 'chmod'>;

function sharedFlags(flags: Flags): SharedFlags {
  return {
    link: flags.switched('link') ?? false,
    parents: flags.switched('parents') ?? false,
    exclude: flags.all('exclude').map(({ text }) => text),
    ...optional('from', flags.text('from')),
    ...optional('chown', flags.text('chown')),
    ...optional('chmod', flags.text('chmod')),
  };
}

function optional<K extends string>(name: K, value: string | undefined): { readonly [name in K]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [name in K]: string });
}

function parsePaths(statement: Statement, report: Report): Pick<CopyInstruction, 'sources' | 'destination'> {
  const words = listWords(statement, report);
  const last = words.at(-1);
  if (last === undefined || words.length < 2) {
    const message = `${statement.name} needs at least one source and a destination`;
    report({ code: 'DOCKERFILE_ARGUMENTS', message, offset: last?.offset ?? statement.keyword.offset });
    return { sources: [], destination: last?.text ?? '' };
  }
  if (parseHeredocWord(last.text).kind === 'heredoc') {
    const message = `${statement.name} cannot have a here-document as its destination`;
    report({ code: 'DOCKERFILE_HEREDOC', message, offset: last.offset });
  }
  const sources = words.slice(0, -1).map(({ text }) => toSource(text, statement.heredocs));
  return { sources, destination: last.text };
}

function listWords(statement: Statement, report: Report): readonly Located[] {
  const { text, offset } = statement.rest;
  const array = parseJsonArray(text);
  if (array.kind === 'other-items') reportOtherItems(statement, offset, report);
  if (array.kind === 'strings') return array.items.map((item) => ({ text: item, offset }));
  return splitWords(statement.rest);
}

function toSource(text: string, heredocs: readonly Heredoc[]): CopySource {
  const parsed = parseHeredocWord(text);
  if (parsed.kind !== 'heredoc') return { kind: 'path', path: text };
  const { word } = parsed;
  // Words of one name share the body that was read last, as in BuildKit.
  const content = heredocs.findLast(({ name }) => name === word.name)?.content ?? '';
  return { kind: 'heredoc', heredoc: { ...word, content } };
}
