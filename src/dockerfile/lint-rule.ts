import { toDiagnostic, type Problem } from './problem';
import type { Diagnostic } from '../diagnostics/diagnostic';
import type { CheckOptions } from './check-options';
import type { SourceFile } from './source-file';

/** The rules, with the names that `# check=skip=` knows them by. */
const RULES = {
  DOCKERFILE_DUPLICATE_STAGE_NAME: 'DuplicateStageName',
  DOCKERFILE_JSON_ARGS_RECOMMENDED: 'JSONArgsRecommended',
  DOCKERFILE_LEGACY_KEY_VALUE_FORMAT: 'LegacyKeyValueFormat',
  DOCKERFILE_MAINTAINER_DEPRECATED: 'MaintainerDeprecated',
  DOCKERFILE_MULTIPLE_INSTRUCTIONS_DISALLOWED: 'MultipleInstructionsDisallowed',
  DOCKERFILE_RESERVED_STAGE_NAME: 'ReservedStageName',
  DOCKERFILE_SECRETS_USED_IN_ARG_OR_ENV: 'SecretsUsedInArgOrEnv',
  DOCKERFILE_UNDEFINED_ARG_IN_FROM: 'UndefinedArgInFrom',
  DOCKERFILE_UNDEFINED_VAR: 'UndefinedVar',
  DOCKERFILE_WORKDIR_RELATIVE_PATH: 'WorkdirRelativePath',
} as const;

export type LintCode = keyof typeof RULES;

export interface LintWarning {
  readonly code: LintCode;
  readonly line: number;
  readonly message: string;
  readonly hint?: string;
}

/** Collects warnings, without those that the file switches off. */
export class LintReport {
  readonly diagnostics: Diagnostic[] = [];

  constructor(
    private readonly file: SourceFile,
    private readonly options: CheckOptions,
  ) {}

  add({ code, line, ...problem }: LintWarning): void {
    const { skipAll, skip, error } = this.options;
    if (skipAll || skip.has(RULES[code])) return;
    const severity = error ? 'error' : 'warning';
    const column = /\S/.exec(this.file.lineText(line))?.index ?? 0;
    this.diagnostics.push(toDiagnostic({ ...problem, code, severity }, this.file, line, column + 1));
  }

  /** Adds a problem of the options themselves. */
  addProblem(problem: Problem, line: number): void {
    this.diagnostics.push(toDiagnostic(problem, this.file, line, 1));
  }
}
