import { CodedError } from '../diagnostics/coded-error';

/** Error codes of the OCI distribution-spec 1.1, plus the two that Docker's registry adds for paging and throttling. */
export type SpecErrorCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'PAGINATION_NUMBER_INVALID'
  | 'RANGE_INVALID'
  | 'SIZE_INVALID'
  | 'TAG_INVALID'
  | 'UNAUTHORIZED'
  | 'UNKNOWN'
  | 'UNSUPPORTED';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A request that the embedded registry turns down, with the answer to give. */
    REQUEST_REFUSED: {
      readonly status: number;
      readonly specCode: SpecErrorCode;
      readonly headers: Readonly<Record<string, string>>;
    };
  }
}

/** An error that the request handler turns into `status` and the error body of the distribution-spec. */
export function refusal(
  status: number,
  specCode: SpecErrorCode,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): CodedError<'REQUEST_REFUSED'> {
  return new CodedError('REQUEST_REFUSED', message, { status, specCode, headers });
}

/** The error body of the distribution-spec. */
export function errorBody(specCode: SpecErrorCode, message: string): string {
  return JSON.stringify({ errors: [{ code: specCode, message, detail: null }] });
}
