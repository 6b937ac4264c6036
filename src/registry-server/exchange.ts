import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BlobStorage } from './blob-storage';
import type { ManifestStorage } from './manifest-storage';
import { refusal } from './refusal';
import type { UploadStorage } from './upload-storage';

/** The parts of one root directory. */
export interface RegistryStorage {
  readonly blobs: BlobStorage;
  readonly manifests: ManifestStorage;
  readonly uploads: UploadStorage;
}

/** One request with what is needed to answer it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  readonly query: URLSearchParams;
  readonly storage: RegistryStorage;
}

/** Answers without a body. */
export function answerEmpty(
  { response }: Pick<Exchange, 'response'>,
  status: number,
  headers: Readonly<Record<string, string | number>> = {},
): void {
  // A 204 has no body by definition; a length header on it confuses some clients.
  response.writeHead(status, status === 204 ? headers : { 'content-length': 0, ...headers }).end();
}

/** Answers with a whole body; for HEAD, only with its headers. */
export function answerBytes(
  { response, method }: Pick<Exchange, 'response' | 'method'>,
  status: number,
  headers: Readonly<Record<string, string | number>>,
  bytes: string | Uint8Array,
): void {
  response.writeHead(status, { 'content-length': Buffer.byteLength(bytes), ...headers });
  response.end(method === 'HEAD' ? undefined : bytes);
}

export function answerJson(
  exchange: Pick<Exchange, 'response' | 'method'>,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  answerBytes(exchange, 200, { 'content-type': 'application/json', ...headers }, JSON.stringify(value));
}

/** The request's body as a whole, or a refusal with 413 above `maxBytes`. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLarge = (): Error => refusal(413, 'SIZE_INVALID', `the body is larger than ${maxBytes} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let total = 0;
  // Leaving the loop must not destroy the request: the refusal goes out over the same connection.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    total += chunk.byteLength;
    if (total > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function methodNotAllowed(allowed: string): Error {
  return refusal(405, 'UNSUPPORTED', 'the method is not supported here', { allow: allowed });
}
