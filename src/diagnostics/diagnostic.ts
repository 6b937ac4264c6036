export type Severity = 'error' | 'warning';

/** A place in a file, an option or a command line. Lines and columns count from 1; columns count UTF-16 units. */
export interface SourceLocation {
  /** A path as the user would type it, or the option it came from, such as `cacheTo[0]`. */
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  /** The text of that line, so that it can be shown under the message. */
  readonly lineText?: string;
}

/**
 * One thing that is wrong with what the user wrote. Parsers and validators return all of them at once instead of
 * throwing the first.
 */
export interface Diagnostic {
  /** Stable, upper case with underscores, such as `DOCKERFILE_UNKNOWN_INSTRUCTION`. */
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  /** What to do, such as `did you mean "mode=max"?`. */
  readonly hint?: string;
  readonly location?: SourceLocation;
}

/** Whether any of `diagnostics` is an error. */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === 'error');
}
