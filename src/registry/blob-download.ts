import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { blobMissing } from '../content/content-errors';
import type { OpenOptions } from '../content/contract';
import { isCodedError } from '../diagnostics/coded-error';
import { verifiedStream } from '../content/verify';
import type { Descriptor } from '../oci/descriptor';
import { unavailable } from '../transport/failure';
import type { HttpResponse } from '../transport/http-response';
import { delayMs, isTransient } from '../transport/retry';
import { protocolError } from '../transport/transport-errors';
import { takeSlot } from './lanes';
import { pathOf, pull, type RepositoryContext } from './repository-context';

/**
 * How often a download may break at the same byte. A registry that has lost a part of a blob breaks there each time, which
 * is no matter of waiting; one that cannot be reached has all attempts of the request behind.
 */
const maxBreaksAtOneByte = 3;

/** Bytes of a blob from `start` (inclusive) to `end` (exclusive). */
interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Streams a blob, verified unless a range is asked for. A connection that breaks in the middle is taken up again where
 * it broke. The download holds one of the registry's slots until its stream is read to the end or destroyed.
 *
 * Rejects with `BLOB_MISSING`, or an error of the transport; the stream fails with those or `BLOB_CORRUPT`.
 */
export async function openBlob(
  context: RepositoryContext,
  descriptor: Descriptor,
  { range, signal }: OpenOptions = {},
): Promise<Readable> {
  signal?.throwIfAborted();
  const span = { start: range?.start ?? 0, end: Math.min(range?.end ?? descriptor.size, descriptor.size) };
  const release = await takeSlot(context.lanes.downloads, signal);
  try {
    const partial = range !== undefined;
    const first = await requestSpan(context, descriptor, { span, partial, signal });
    context.known.add(descriptor.digest, context.repository);
    const bytes = readSpan(first, { context, descriptor, span, partial, signal });
    const stream = Readable.from(bytes, { objectMode: false, ...(signal === undefined ? {} : { signal }) });
    stream.once('close', release);
    if (partial) return stream;
    const options = { store: context.name, ...(signal === undefined ? {} : { signal }) };
    const verified = verifiedStream(stream, descriptor, options);
    verified.once('error', (error) => {
      if (isCodedError(error, 'BLOB_CORRUPT')) context.known.doubt(descriptor.digest, context.repository);
    });
    return verified;
  } catch (error) {
    release();
    throw error;
  }
}

interface SpanRequest {
  readonly span: Span;
  /** Whether to ask for a part only; the whole is asked for without a `Range`, which every registry knows. */
  readonly partial: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Asks for bytes; undefined where there are none to ask for. */
async function requestSpan(
  context: RepositoryContext,
  descriptor: Descriptor,
  { span, partial, signal }: SpanRequest,
): Promise<HttpResponse | undefined> {
  if (partial && span.start >= span.end) return undefined;
  const response = await context.transport.request({
    method: 'GET',
    target: pathOf(context, `blobs/${descriptor.digest}`),
    headers: partial ? { range: `bytes=${span.start}-${span.end - 1}` } : {},
    scopes: [pull(context.repository)],
    expect: [200, 206, 404],
    signal,
  });
  if (response.status === 404) {
    await response.discard();
    context.known.doubt(descriptor.digest, context.repository);
    throw blobMissing(context.name, descriptor);
  }
  const problem = problemOf(response, span.start);
  if (problem !== undefined) {
    response.body.destroy();
    throw protocolError(response.label, problem);
  }
  return response;
}

function problemOf({ status, headers }: HttpResponse, start: number): string | undefined {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') return 'the blob came with a Content-Encoding';
  if (status !== 206) return undefined;
  const given = /^bytes (\d+)-/.exec(headers['content-range'] ?? '')?.[1];
  return Number(given) === start ? undefined : 'the answer is another range than asked for';
}

async function* readSpan(
  first: HttpResponse | undefined,
  options: SpanRequest & { readonly context: RepositoryContext; readonly descriptor: Descriptor },
): AsyncGenerator<Buffer> {
  const { context, descriptor, partial, signal, span } = options;
  const { retry } = context.transport;
  let response = first;
  let received = 0;
  for (let failures = 0; response !== undefined;) {
    try {
      for await (const chunk of wantedBytes(response, span.start + received, partial ? span.end : undefined)) {
        received += chunk.byteLength;
        failures = 0;
        context.traffic.countReceived(chunk.byteLength);
        yield chunk;
      }
      return;
    } catch (error) {
      signal?.throwIfAborted();
      const failure = unavailable(response.label, error);
      failures++;
      if (failures >= Math.min(retry.attempts, maxBreaksAtOneByte) || !isTransient(failure)) throw failure;
      await sleep(delayMs(failures, failure, retry), undefined, signal === undefined ? {} : { signal });
      const rest = { start: span.start + received, end: span.end };
      // Surplus bytes are a lie that the verification tells; there is nothing to ask for behind the end.
      if (rest.start >= rest.end) return;
      response = await requestSpan(context, descriptor, { span: rest, partial: true, signal });
    }
  }
}

/** The body from `start` on: a registry that ignores `Range` sends everything, of which the beginning is dropped. */
async function* wantedBytes(response: HttpResponse, start: number, end?: number): AsyncGenerator<Buffer> {
  let position = response.status === 206 ? start : 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    const from = Math.max(0, start - position);
    const to = end === undefined ? chunk.byteLength : Math.min(chunk.byteLength, end - position);
    position += chunk.byteLength;
    if (from < to) yield from === 0 && to === chunk.byteLength ? chunk : chunk.subarray(from, to);
    if (end !== undefined && position >= end) return;
  }
}
