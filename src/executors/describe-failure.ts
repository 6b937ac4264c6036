import { isCodedError } from '../diagnostics/coded-error';
import { formatDiagnostics } from '../diagnostics/format-diagnostics';
import '../engine/embedded/build-input';

export interface FailureContext {
  /** What failed: `the build`. */
  readonly task: string;
  readonly signal: AbortSignal;
  /** Whether causes are told, too. */
  readonly isVerbose: boolean;
}

/** The text that a person reads about an error that ended a task. */
export function describeFailure(error: unknown, { task, signal, isVerbose }: FailureContext): string {
  if (signal.aborted) return `${task} was interrupted`;
  // Without a code it is a bug of ours, and then only the stack tells where.
  if (!isCodedError(error)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (isCodedError(error, 'BUILD_INPUT_INVALID')) {
    return `${formatDiagnostics(error.detail.diagnostics)}\n${error.message}`;
  }
  const lines = [`error ${error.code}: ${error.message}`];
  if (error.hint !== undefined) lines.push(`  hint: ${error.hint}`);
  if (isVerbose) lines.push(...causesOf(error));
  return lines.join('\n');
}

function causesOf(error: Error): readonly string[] {
  const lines: string[] = [];
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) lines.push(`  because: ${cause.message}`);
  return lines;
}
