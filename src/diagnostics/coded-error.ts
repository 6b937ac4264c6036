/**
 * The detail that each stable error code carries. A room adds its codes where it throws them, by merging into this
 * interface:
 *
 *     declare module '../diagnostics/coded-error' {
 *       interface ErrorDetails { BLOB_MISSING: { readonly digest: string } }
 *     }
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- filled by declaration merging
export interface ErrorDetails {}

export type ErrorCode = keyof ErrorDetails;

export interface CodedErrorOptions extends ErrorOptions {
  /** What the user can do about it: one sentence, no trailing advice to "contact support". */
  readonly hint?: string;
}

/**
 * The one error class of the project. Callers and tests branch on `code`, never on the message or the prototype
 * (two installed copies of the package have two prototypes).
 *
 * `message` says what happened and where, already redacted; `hint` says what to do; `cause` is always kept.
 */
export class CodedError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'CodedError';
  readonly hint: string | undefined;

  constructor(
    readonly code: C,
    message: string,
    readonly detail: ErrorDetails[C],
    options?: CodedErrorOptions,
  ) {
    super(message, options);
    this.hint = options?.hint;
  }
}

/** Whether `error` is a {@link CodedError}, with `code` if one is given. Works across copies of the package. */
export function isCodedError<C extends ErrorCode>(error: unknown, ...codes: readonly C[]): error is CodedError<C> {
  if (!(error instanceof Error) || error.name !== 'CodedError' || !('code' in error)) return false;
  return codes.length === 0 || codes.includes(error.code as C);
}
