import type { IncomingMessage, ServerResponse } from 'node:http';
import { isCodedError } from '../diagnostics/coded-error';
import { unreachable } from '../diagnostics/unreachable';
import { isAuthorized, type BasicCredentials } from './basic-auth';
import { answerBlob } from './blob-endpoints';
import { BlobStorage } from './blob-storage';
import { answerBytes, answerEmpty, methodNotAllowed, type Exchange, type RegistryStorage } from './exchange';
import { StorageLayout } from './layout';
import { answerCatalog, answerReferrers, answerTags } from './listing-endpoints';
import { answerManifest } from './manifest-endpoints';
import { ManifestStorage } from './manifest-storage';
import { errorBody, refusal } from './refusal';
import { parseRoute, type Route } from './routes';
import { answerUpload, answerUploads } from './upload-endpoints';
import { UploadStorage } from './upload-storage';

/** What the log gets for each request that was answered. */
export interface RequestLogEntry {
  readonly method: string;
  /** Path without query: queries may carry what is nobody's business. */
  readonly path: string;
  readonly status: number;
  /** Why, if the status is 500: a message for the operator, which the client does not get. */
  readonly error?: string;
}

export interface RegistryHandlerOptions {
  /** Directory of the registry's content. Several processes may share it. */
  readonly root: string;
  /** Asks every request for these credentials. Default: nobody is asked. */
  readonly auth?: BasicCredentials;
  readonly log?: (entry: RequestLogEntry) => void;
}

/** Answers requests of the OCI distribution API 1.1 from a directory. Never rejects. */
export type RegistryHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** The parts of storage below `root`. Nothing is read or made before the first request. */
export function openStorage(root: string): RegistryStorage {
  const layout = new StorageLayout(root);
  return {
    blobs: new BlobStorage(layout),
    manifests: new ManifestStorage(layout),
    uploads: new UploadStorage(layout),
  };
}

export function createRegistryHandler(options: RegistryHandlerOptions): RegistryHandler {
  const storage = openStorage(options.root);
  return async (request, response) => {
    const [path = '/', search = ''] = (request.url ?? '/').split('?', 2);
    const method = request.method ?? 'GET';
    const query = new URLSearchParams(search);
    let failure: string | undefined;
    try {
      response.setHeader('docker-distribution-api-version', 'registry/2.0');
      if (options.auth !== undefined && !isAuthorized(request.headers.authorization, options.auth)) {
        const challenge = { 'www-authenticate': 'Basic realm="registry"' };
        throw refusal(401, 'UNAUTHORIZED', 'credentials are needed', challenge);
      }
      await answer({ request, response, method, query, storage }, parseRoute(path));
    } catch (error) {
      failure = answerError({ request, response, method }, error);
    }
    options.log?.({
      method,
      path,
      status: response.statusCode,
      ...(failure === undefined ? {} : { error: failure }),
    });
  };
}

function answer(exchange: Exchange, route: Route): Promise<void> | void {
  switch (route.kind) {
    case 'base':
      if (exchange.method !== 'GET' && exchange.method !== 'HEAD') throw methodNotAllowed('GET');
      {
        answerEmpty(exchange, 200);
        return;
      }
    case 'catalog':
      return answerCatalog(exchange);
    case 'blob':
      return answerBlob(exchange, route);
    case 'uploads':
      return answerUploads(exchange, route.repository);
    case 'upload':
      return answerUpload(exchange, route);
    case 'manifest':
      return answerManifest(exchange, route);
    case 'tags':
      return answerTags(exchange, route.repository);
    case 'referrers':
      return answerReferrers(exchange, route);
    default:
      return unreachable(route);
  }
}

/** Turns an error into an answer; gives the message for the log if it is our fault. */
function answerError(exchange: Pick<Exchange, 'request' | 'response' | 'method'>, error: unknown): string | undefined {
  const { request, response } = exchange;
  // Once headers are out, or the client is gone, the only honest signal left is a broken connection. A request whose
  // body was read to its end counts as destroyed, too, but its client waits for an answer.
  const gone = response.destroyed || (request.destroyed && !request.complete);
  if (response.headersSent || gone) {
    response.destroy();
    return isCodedError(error) || isDisconnect(error) ? undefined : describe(error);
  }
  // A body that nobody reads any more would be taken for the next request.
  if (hasUnreadBody(request)) response.setHeader('connection', 'close');
  const refused = isCodedError(error, 'REQUEST_REFUSED');
  const { status, specCode, headers } = refused
    ? error.detail
    : ({ status: 500, specCode: 'UNKNOWN', headers: {} } as const);
  const message = refused ? error.message : 'the registry failed to answer';
  answerBytes(exchange, status, { 'content-type': 'application/json', ...headers }, errorBody(specCode, message));
  return refused ? undefined : describe(error);
}

/** Whether bytes of the body may still come. A request without a body may not be complete yet when it is answered. */
function hasUnreadBody({ complete, headers }: IncomingMessage): boolean {
  if (complete) return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

const disconnectCodes: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE']);

/** Whether the client went away in the middle, which is no failure of ours. */
function isDisconnect(error: unknown): boolean {
  return error instanceof Error && 'code' in error && disconnectCodes.has(error.code);
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
