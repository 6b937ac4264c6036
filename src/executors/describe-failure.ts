import { isCodedError } from '../diagnostics/coded-error';
import { formatDiagnostics } from '../diagnostics/format-diagnostics';
import { fileSystemError } from '../diagnostics/system-error';
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
  const system = isCodedError(error) ? undefined : fileSystemError(error);
  if (system !== undefined) {
    const text = describeFailure(system, { task, signal, isVerbose: false });
    return isVerbose ? `${text}\n${stackOf(error)}` : text;
  }
  // Without a code it is a bug of ours, and then only the stack tells where.
  if (!isCodedError(error)) return stackOf(error);
  if (isCodedError(error, 'BUILD_INPUT_INVALID')) {
    return `${formatDiagnostics(error.detail.diagnostics)}\n${error.message}`;
  }
  const lines = [`error ${error.code}: ${error.message}`];
  if (error.hint !== undefined) lines.push(`  hint: ${error.hint}`);
  if (isVerbose) lines.push(...causesOf(error));
  return lines.join('\n');
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function causesOf(error: Error): readonly string[] {
  const lines: string[] = [];
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) lines.push(`  because: ${cause.message}`);
  return lines;
}
