import type { Instruction } from './ast';
import type { ExpandOptions } from './expand';

/** A text of an instruction whose variables are expanded when it runs. */
export interface ExpandedWord {
  readonly text: string;
  readonly options: ExpandOptions;
}

/** Bodies of here-documents keep quotes, and their escape character is the backslash in every file. */
const HEREDOC_OPTIONS: ExpandOptions = { skipProcessQuotes: true };

/**
 * The texts of an instruction that BuildKit expands. What is not among them is used as written: patterns of `--exclude`,
 * scripts of RUN, CMD and ENTRYPOINT (their shell expands them), ONBUILD, SHELL, HEALTHCHECK.
 */
export function expandedWords(instruction: Instruction, escape: string): readonly ExpandedWord[] {
  const words = (texts: readonly (string | undefined)[]): ExpandedWord[] =>
    texts.flatMap((text) => (text === undefined ? [] : [{ text, options: { escape } }]));
  switch (instruction.kind) {
    case 'ENV':
      return words(instruction.variables.flatMap(({ key, value }) => [key, value]));
    case 'LABEL':
      return words(instruction.labels.flatMap(({ key, value }) => [key, value]));
    case 'ARG':
      return words(instruction.args.map(({ defaultValue }) => defaultValue));
    case 'COPY':
    case 'ADD': {
      const { sources, destination, chown, chmod, checksum } = instruction;
      const paths = sources.map((source) => (source.kind === 'path' ? source.path : undefined));
      const bodies = sources.flatMap((source) =>
        source.kind === 'heredoc' && source.heredoc.expand
          ? [{ text: source.heredoc.content, options: HEREDOC_OPTIONS }]
          : [],
      );
      return [...words([...paths, destination, chown, chmod, checksum]), ...bodies];
    }
    case 'RUN':
      return words(instruction.mounts.map(({ text }) => text));
    case 'EXPOSE':
      return words(instruction.ports);
    case 'VOLUME':
      return words(instruction.volumes);
    case 'WORKDIR':
      return words([instruction.path]);
    case 'USER':
      return words([instruction.user]);
    case 'STOPSIGNAL':
      return words([instruction.signal]);
    default:
      return [];
  }
}
