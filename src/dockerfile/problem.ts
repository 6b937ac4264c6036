import type { Diagnostic, Severity } from '../diagnostics/diagnostic';
import type { SourceFile } from './source-file';

/** Everything that parsing and resolving a Dockerfile complains about. */
export type ProblemCode =
  | 'DOCKERFILE_ARGUMENTS'
  | 'DOCKERFILE_BEFORE_FROM'
  | 'DOCKERFILE_DIRECTIVE'
  | 'DOCKERFILE_DUPLICATE_FLAG'
  | 'DOCKERFILE_EMPTY'
  | 'DOCKERFILE_EMPTY_CONTINUATION'
  | 'DOCKERFILE_EXPANSION'
  | 'DOCKERFILE_FLAG_IGNORED'
  | 'DOCKERFILE_FLAG_VALUE'
  | 'DOCKERFILE_HEALTHCHECK'
  | 'DOCKERFILE_HEREDOC'
  | 'DOCKERFILE_INSECURE_RUN'
  | 'DOCKERFILE_JSON'
  | 'DOCKERFILE_KEY_VALUE'
  | 'DOCKERFILE_LINE_TOO_LONG'
  | 'DOCKERFILE_MOUNT'
  | 'DOCKERFILE_NO_STAGE'
  | 'DOCKERFILE_ONBUILD'
  | 'DOCKERFILE_STAGE_CYCLE'
  | 'DOCKERFILE_STAGE_NAME'
  | 'DOCKERFILE_STAGE_ORDER'
  | 'DOCKERFILE_STAGE_REFERENCE'
  | 'DOCKERFILE_TARGET'
  | 'DOCKERFILE_UNKNOWN_FLAG'
  | 'DOCKERFILE_UNKNOWN_INSTRUCTION'
  | 'DOCKERFILE_UNSUPPORTED'
  | 'DOCKERFILE_UNTERMINATED_HEREDOC';

/** Something wrong at an offset of an instruction's text. */
export interface Problem {
  readonly code: ProblemCode;
  readonly message: string;
  readonly hint?: string;
  /** `error` unless given. */
  readonly severity?: Severity;
  /** Into the text of the logical line, in UTF-16 units from 0; its beginning unless given. */
  readonly offset?: number;
}

/** How a parser tells what is wrong: it goes on, so that everything is told. */
export type Report = (problem: Problem) => void;

/** A problem, or a warning of a lint rule, with its place in the file. */
export function toDiagnostic(
  problem: Omit<Problem, 'code'> & { readonly code: string },
  file: SourceFile,
  line: number,
  column: number,
): Diagnostic {
  const { code, message, hint, severity = 'error' } = problem;
  return {
    code,
    severity,
    message,
    ...(hint === undefined ? {} : { hint }),
    location: { file: file.path, line, column, lineText: file.lineText(line) },
  };
}

/** `did you mean "x"?`, or nothing where there is no word to offer. */
export function didYouMean(word: string | undefined): { readonly hint?: string } {
  return word === undefined ? {} : { hint: `did you mean "${word}"?` };
}
