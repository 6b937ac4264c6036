import { pipeline } from 'node:stream/promises';
import type { Digest } from '../oci/digest';
import { parseByteRange } from './byte-range';
import { answerEmpty, methodNotAllowed, type Exchange } from './exchange';
import { refusal } from './refusal';

interface BlobRoute {
  readonly repository: string;
  readonly digest: Digest;
}

/** GET, HEAD (distribution-spec "pulling blobs") and DELETE of one blob. */
export async function answerBlob(exchange: Exchange, route: BlobRoute): Promise<void> {
  switch (exchange.method) {
    case 'GET':
    case 'HEAD':
      return sendBlob(exchange, route);
    case 'DELETE':
      if (!(await exchange.storage.blobs.unlink(route.repository, route.digest))) throw unknownBlob();
      {
        answerEmpty(exchange, 202);
        return;
      }
    default:
      throw methodNotAllowed('GET, HEAD, DELETE');
  }
}

async function sendBlob(exchange: Exchange, { repository, digest }: BlobRoute): Promise<void> {
  const { request, response, method, storage } = exchange;
  const size = await storage.blobs.size(repository, digest);
  if (size === undefined) throw unknownBlob();
  const headers = {
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    'accept-ranges': 'bytes',
    etag: `"${digest}"`,
  };
  // RFC 9110 defines ranges for GET only.
  const range = method === 'GET' ? parseByteRange(request.headers.range, size) : undefined;
  if (range === 'unsatisfiable') {
    throw refusal(416, 'RANGE_INVALID', `the blob has ${size} bytes`, { 'content-range': `bytes */${size}` });
  }
  if (range === undefined) {
    response.writeHead(200, { ...headers, 'content-length': size });
  } else {
    const contentRange = `bytes ${range.start}-${range.end}/${size}`;
    response.writeHead(206, {
      ...headers,
      'content-length': range.end - range.start + 1,
      'content-range': contentRange,
    });
  }
  if (method === 'HEAD' || size === 0) response.end();
  else await pipeline(storage.blobs.read(digest, range), response);
}

function unknownBlob(): Error {
  return refusal(404, 'BLOB_UNKNOWN', 'the repository does not have this blob');
}
