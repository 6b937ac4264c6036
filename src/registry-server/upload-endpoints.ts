import { algorithmOf, type Digest } from '../oci/digest';
import { parseChunkRange } from './byte-range';
import { answerEmpty, methodNotAllowed, type Exchange } from './exchange';
import { refusal } from './refusal';
import { digestOrRefuse, isRepositoryName } from './routes';
import type { UploadSession } from './upload-storage';

/**
 * POST: begins an upload. With `digest`, the body is the whole blob; with `mount` (and `from`), the blob is taken over
 * from another repository if it has it (distribution-spec "pushing blobs", "mounting a blob").
 */
export async function answerUploads(exchange: Exchange, repository: string): Promise<void> {
  const { method, query, request, storage } = exchange;
  if (method !== 'POST') throw methodNotAllowed('POST');
  const mount = query.get('mount');
  if (mount !== null) {
    const digest = digestOrRefuse(mount);
    const from = query.get('from');
    if (from !== null && isRepositoryName(from) && (await storage.blobs.mount(digest, from, repository))) {
      answerCreated(exchange, repository, digest);
      return;
    }
  }
  const whole = query.get('digest');
  const digest = whole === null ? undefined : digestOrRefuse(whole);
  const session = await storage.uploads.begin(repository);
  if (digest === undefined) {
    answerSession(exchange, session, 202);
    return;
  }
  try {
    await finish(exchange, await storage.uploads.append(session, request, algorithmOf(digest)), digest);
  } catch (error) {
    // Nobody was told of this session, so nobody could go on with it.
    await storage.uploads.discard(session);
    throw error;
  }
}

/** One session: PATCH appends, PUT finishes, GET tells how far it is, DELETE cancels. */
export async function answerUpload(exchange: Exchange, route: { repository: string; id: string }): Promise<void> {
  const { method, query, request, storage } = exchange;
  const session = await storage.uploads.find(route.repository, route.id);
  switch (method) {
    case 'GET':
    case 'HEAD': {
      answerSession(exchange, session, 204);
      return;
    }
    case 'DELETE':
      await storage.uploads.discard(session);
      {
        answerEmpty(exchange, 204);
        return;
      }
    case 'PATCH':
      checkOrder(exchange, session);
      {
        answerSession(exchange, await storage.uploads.append(session, request), 202);
        return;
      }
    case 'PUT': {
      const digest = digestOrRefuse(query.get('digest'));
      checkOrder(exchange, session);
      return finish(exchange, await storage.uploads.append(session, request, algorithmOf(digest)), digest);
    }
    default:
      throw methodNotAllowed('GET, PATCH, PUT, DELETE');
  }
}

/** Chunks come strictly in order: a gap or an overlap is 416, with what is there. */
function checkOrder({ request }: Exchange, session: UploadSession): void {
  const header = request.headers['content-range'];
  if (header === undefined) return;
  const range = parseChunkRange(header);
  const length = request.headers['content-length'];
  const fits = range !== undefined && (length === undefined || Number(length) === range.end - range.start + 1);
  if (!fits) throw refusal(416, 'BLOB_UPLOAD_INVALID', 'Content-Range and Content-Length do not fit', rangeOf(session));
  if (range.start !== session.sizeBytes) {
    const message = `the next chunk starts at byte ${session.sizeBytes}`;
    throw refusal(416, 'BLOB_UPLOAD_INVALID', message, { ...rangeOf(session), location: locationOf(session) });
  }
}

async function finish(exchange: Exchange, session: UploadSession, digest: Digest): Promise<void> {
  const { blobs, uploads } = exchange.storage;
  const actual = await uploads.digest(session, algorithmOf(digest));
  if (actual !== digest) {
    await uploads.discard(session);
    throw refusal(400, 'DIGEST_INVALID', `the uploaded ${session.sizeBytes} bytes do not have this digest`);
  }
  await blobs.adopt(session.repository, digest, session.file);
  await uploads.discard(session);
  answerCreated(exchange, session.repository, digest);
}

function answerCreated(exchange: Exchange, repository: string, digest: Digest): void {
  answerEmpty(exchange, 201, {
    location: `/v2/${repository}/blobs/${digest}`,
    'docker-content-digest': digest,
  });
}

function answerSession(exchange: Exchange, session: UploadSession, status: number): void {
  answerEmpty(exchange, status, {
    location: locationOf(session),
    'docker-upload-uuid': session.id,
    ...rangeOf(session),
  });
}

function locationOf(session: UploadSession): string {
  return `/v2/${session.repository}/blobs/uploads/${session.id}`;
}

/** `0-0` stands for an empty upload as well as for one byte; the specification has no other word for empty. */
function rangeOf(session: UploadSession): Readonly<Record<string, string>> {
  return { range: `0-${Math.max(0, session.sizeBytes - 1)}` };
}
