import type { Readable } from 'node:stream';
import { unavailable } from './failure';
import { maxErrorBodyBytes } from './limits';
import { protocolError, type RequestLabel } from './transport-errors';

/** Headers by lower-case name; of several values, the first. */
export type ResponseHeaders = Readonly<Record<string, string | undefined>>;

/** An answer whose headers are here. Its body has to be read or discarded, or the socket stays taken. */
export class HttpResponse {
  #excerpt: Promise<Buffer> | undefined;

  constructor(
    readonly status: number,
    readonly headers: ResponseHeaders,
    /** Where the answer came from, after redirects. */
    readonly url: URL,
    readonly label: RequestLabel,
    readonly body: Readable,
  ) {
    // A body that is dropped before anyone listens may still break.
    body.on('error', () => undefined);
  }

  /** The body as a whole; `REGISTRY_PROTOCOL` above `maxBytes`, `REGISTRY_UNAVAILABLE` if it breaks off. */
  async bytes(maxBytes: number): Promise<Buffer> {
    const { bytes, complete } = await this.#read(maxBytes);
    if (!complete) throw protocolError(this.label, `the body is larger than ${maxBytes} bytes`);
    return bytes;
  }

  /** The first {@link maxErrorBodyBytes} of the body as text, for error messages; the same on each call. */
  async excerpt(): Promise<string> {
    this.#excerpt ??= this.#read(maxErrorBodyBytes).then(
      ({ bytes }) => bytes,
      // The status counts more than how its explanation broke.
      () => Buffer.alloc(0),
    );
    return (await this.#excerpt).toString('utf8');
  }

  /** Lets the body go, of which {@link excerpt} still has the beginning. Small ones leave the connection usable. */
  async discard(): Promise<void> {
    await this.excerpt();
  }

  async #read(maxBytes: number): Promise<{ readonly bytes: Buffer; readonly complete: boolean }> {
    const chunks: Buffer[] = [];
    let total = 0;
    try {
      for await (const chunk of this.body as AsyncIterable<Buffer>) {
        total += chunk.byteLength;
        chunks.push(chunk);
        // Leaving the loop destroys the body and with it the connection.
        if (total > maxBytes) return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), complete: false };
      }
    } catch (error) {
      throw unavailable(this.label, error);
    }
    return { bytes: Buffer.concat(chunks), complete: true };
  }
}
