import { CodedError } from '../../diagnostics/coded-error';

export type FileFailure =
  | 'not-found'
  | 'exists'
  | 'not-a-directory'
  | 'is-a-directory'
  | 'too-big'
  | 'bad-mode'
  | 'bad-pattern'
  | 'bad-archive'
  | 'outside-root'
  | 'tool-missing';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A COPY, ADD, WORKDIR or other file step that cannot be done. `path` is as in the build, from the root. */
    FILE_OPERATION_FAILED: { readonly reason: FileFailure; readonly path: string };
  }
}

/** @param path clean path inside the tree; shown with a slash before it. */
export function fileError(
  reason: FileFailure,
  path: string,
  message: string,
  options?: { readonly hint?: string; readonly cause?: unknown },
): CodedError<'FILE_OPERATION_FAILED'> {
  return new CodedError('FILE_OPERATION_FAILED', message, { reason, path: `/${path}` }, options);
}
