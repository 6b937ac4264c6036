import { pipeline, type Readable } from 'node:stream';
import type { BlobSource, PutOptions } from '../content/contract';
import { countingBytes } from '../content/counting';
import { verifiedStream } from '../content/verify';
import type { Descriptor } from '../oci/descriptor';
import type { Digest } from '../oci/digest';
import { interrupted } from '../transport/failure';
import { resolveUrl, type StreamedBody } from '../transport/hop-client';
import type { HttpResponse } from '../transport/http-response';
import { uploadHeadersTimeoutMs } from '../transport/limits';
import { redactUrl } from '../transport/redact';
import { withRetries } from '../transport/retry';
import { protocolError } from '../transport/transport-errors';
import { ChunkedBody } from './chunked-body';
import { pathOf, push, type RepositoryContext } from './repository-context';

/** A blob on its way to a repository. */
export interface Upload {
  readonly descriptor: Descriptor;
  readonly source: BlobSource;
  /** A session that the registry has opened already, when it could not mount the blob. */
  readonly session?: UploadSession | undefined;
}

/** Where an upload goes on. */
export interface UploadSession {
  readonly url: URL;
  /** The registry takes no smaller chunks (`OCI-Chunk-Min-Length`), the last one excepted. */
  readonly minChunkBytes: number;
}

/**
 * Sends a blob: POST for a session, then one streamed PUT, or PATCHes where chunks are asked for. After a failure that
 * may pass, everything starts over with a new session and a newly opened source. The bytes are verified on their way
 * out, so that a wrong source is its own fault and not the registry's.
 */
export async function uploadBlob(context: RepositoryContext, upload: Upload, options: PutOptions = {}): Promise<void> {
  const { signal } = options;
  let offered = upload.session;
  let sourceError: unknown;
  const source: BlobSource = (call) =>
    upload.source(call).catch((error: unknown) => {
      sourceError = error;
      throw error;
    });
  const attempt = async (): Promise<void> => {
    const session = offered ?? (await openSession(context, signal));
    offered = undefined;
    const sending = new Sending(context, { ...upload, source }, options);
    try {
      await sending.run(session);
    } catch (error) {
      sourceError ??= sending.sourceError;
      throw error;
    }
  };
  // A source has its own retries; asking it again from here would multiply them.
  const retryable = (): boolean => sourceError === undefined;
  await withRetries(attempt, { policy: context.transport.retry, signal, retryable });
}

/** The session that an answer names. The transport checks its address before anything is sent there. */
export function sessionOf(response: HttpResponse): UploadSession {
  const { location, 'oci-chunk-min-length': minLength } = response.headers;
  const url = location === undefined ? undefined : resolveUrl(location, response.url);
  if (url === undefined) throw protocolError(response.label, 'the upload has no Location');
  return { url, minChunkBytes: /^\d{1,12}$/.test(minLength ?? '') ? Number(minLength) : 0 };
}

/** Opens a session with one request, without retries of its own. */
async function openSession(context: RepositoryContext, signal: AbortSignal | undefined): Promise<UploadSession> {
  const response = await context.transport.send({
    method: 'POST',
    target: pathOf(context, 'blobs/uploads/'),
    headers: { 'content-length': '0' },
    scopes: [push(context.repository)],
    expect: [202],
    signal,
  });
  await response.discard();
  return sessionOf(response);
}

/** One attempt to send the bytes of a blob. */
class Sending {
  sourceError: unknown;

  constructor(
    private readonly context: RepositoryContext,
    private readonly upload: Upload,
    private readonly options: PutOptions,
  ) {}

  async run({ url, minChunkBytes }: UploadSession): Promise<void> {
    const { uploadChunkBytes } = this.context;
    const { digest, size } = this.upload.descriptor;
    const chunkBytes = uploadChunkBytes === undefined ? size : Math.max(uploadChunkBytes, minChunkBytes);
    const response =
      size <= chunkBytes
        ? await this.#request('PUT', withDigest(url, digest), { sizeBytes: size, open: () => this.#open() })
        : await this.#sendChunks(url, chunkBytes);
    const stored = response.headers['docker-content-digest'];
    if (stored !== undefined && stored !== digest) {
      throw protocolError(response.label, `it stored the blob as ${stored}`);
    }
  }

  async #sendChunks(first: URL, chunkBytes: number): Promise<HttpResponse> {
    const { digest, size } = this.upload.descriptor;
    const body = new ChunkedBody(await this.#open());
    try {
      let url = first;
      for (let start = 0; start < size;) {
        const sizeBytes = Math.min(chunkBytes, size - start);
        const response = await this.#request('PATCH', url, onceOnly(body, sizeBytes, url), start);
        ({ url } = sessionOf(response));
        start += sizeBytes;
      }
      await body.finish();
      return await this.#request('PUT', withDigest(url, digest), { sizeBytes: 0, open: () => this.#open() });
    } finally {
      body.destroy();
    }
  }

  async #request(method: 'PUT' | 'PATCH', target: URL, body: StreamedBody, chunkStart?: number): Promise<HttpResponse> {
    const { context, options } = this;
    const end = chunkStart === undefined ? undefined : chunkStart + body.sizeBytes - 1;
    const response = await context.transport.send({
      method,
      target,
      headers: {
        'content-type': 'application/octet-stream',
        ...(end === undefined ? {} : { 'content-range': `${chunkStart ?? 0}-${end}` }),
      },
      body,
      scopes: [push(context.repository)],
      expect: method === 'PUT' ? [201, 204] : [202],
      headersTimeoutMs: uploadHeadersTimeoutMs,
      signal: options.signal,
    });
    await response.discard();
    return response;
  }

  async #open(): Promise<Readable> {
    const { signal, onBytes } = this.options;
    const call = signal === undefined ? {} : { signal };
    const { descriptor, source } = this.upload;
    const verified = verifiedStream(await source(call), descriptor, { store: 'the source', ...call });
    const counted = countingBytes((bytes) => {
      this.context.traffic.countSent(bytes);
      onBytes?.(bytes);
    });
    verified.once('error', (error) => (this.sourceError = error));
    return pipeline(verified, counted, () => undefined);
  }
}

/**
 * A chunk as a body that can be sent once: its bytes are gone when the registry asks for a new token or redirects. Then
 * the upload starts over from its source, like after any failure that passes.
 */
function onceOnly(body: ChunkedBody, sizeBytes: number, url: URL): StreamedBody {
  let opened = false;
  const open = (): Promise<Readable> => {
    if (opened) {
      const label = { host: url.host, request: `PATCH ${redactUrl(url)}` };
      return Promise.reject(interrupted(label, 'a chunk has to be sent again'));
    }
    opened = true;
    return Promise.resolve(body.next(sizeBytes));
  };
  return { sizeBytes, open };
}

/** The query of a `Location` is the registry's own business: the digest is added to it, nothing is rewritten. */
function withDigest(location: URL, digest: Digest): URL {
  const url = new URL(location);
  url.search = `${url.search}${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`;
  return url;
}
