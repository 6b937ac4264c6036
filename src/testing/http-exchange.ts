import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

export interface ExchangeOptions {
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array | Readable;
}

/** An answer, read to its end. */
export interface ExchangeAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
}

/**
 * Sends one request over a connection of its own and reads the answer. The path goes out as it stands: unlike `fetch`,
 * nothing resolves `..` or escapes characters, so that a test can ask what an attacker would.
 */
export function exchange(
  url: string,
  method: string,
  path: string,
  { headers = {}, body }: ExchangeOptions = {},
): Promise<ExchangeAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const sized = typeof body === 'string' || body instanceof Uint8Array;
    const length = sized ? { 'content-length': Buffer.byteLength(body) } : {};
    const request = httpRequest(
      { hostname, port, method, path, agent: false, headers: { ...length, ...headers } },
      (response) => {
        buffer(response).then((bytes) => {
          const { statusCode: status = 0, headers: answered } = response;
          resolve({ status, headers: answered, bytes, text: bytes.toString('utf8') });
        }, reject);
      },
    );
    request.once('error', reject);
    if (body instanceof Readable) {
      body.once('error', (error) => request.destroy(error));
      body.pipe(request);
    } else request.end(body);
  });
}

/** The codes in an error body of the distribution-spec. */
export function errorCodes({ text }: Pick<ExchangeAnswer, 'text'>): readonly string[] {
  return (JSON.parse(text) as { readonly errors: readonly { readonly code: string }[] }).errors.map(({ code }) => code);
}
