import { CodedError, type ErrorCode } from '../../diagnostics/coded-error';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    /** The command of a RUN step did not end as it had to. */
    STEP_FAILED: {
      readonly command: readonly string[];
      readonly reason: 'exit-code' | 'signal' | 'not-found' | 'not-executable';
      /** 128 plus the signal's number for `signal`, 127 for `not-found`, 126 for `not-executable`, as shells have it. */
      readonly exitCode: number;
    };
    /** No way to run a command on this machine; one entry for each way that was tried. */
    SANDBOX_UNAVAILABLE: { readonly tried: readonly { readonly what: string; readonly why: string }[] };
    /** The sandbox itself failed before, around or after the command. */
    SANDBOX_FAILED: { readonly operation: string };
    /** `USER` names someone who is not in the root's `/etc/passwd` or `/etc/group`. */
    SANDBOX_USER_UNKNOWN: { readonly user: string };
    /** A mount's source has nothing at the selected path. */
    SANDBOX_MOUNT_MISSING: { readonly dest: string; readonly selector: string };
  }
}

/** A {@link CodedError} in a form that survives the way between processes. */
export interface WireError {
  readonly code: string | undefined;
  readonly message: string;
  readonly detail: unknown;
  readonly hint: string | undefined;
}

export function toWireError(error: unknown): WireError {
  const known: CodedError | undefined = error instanceof CodedError ? (error as CodedError) : undefined;
  return {
    code: known?.code,
    message: error instanceof Error ? error.message : String(error),
    detail: known?.detail,
    hint: known?.hint,
  };
}

/** The error as the other process threw it; one without a code becomes `SANDBOX_FAILED`. */
export function fromWireError(wire: WireError, operation: string): CodedError {
  const options = wire.hint === undefined ? {} : { hint: wire.hint };
  if (wire.code === undefined) {
    return new CodedError('SANDBOX_FAILED', `sandbox: ${operation}: ${wire.message}`, { operation }, options);
  }
  return new CodedError(wire.code as ErrorCode, wire.message, wire.detail as never, options);
}
