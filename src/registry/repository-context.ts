import { isDigest } from '../oci/digest';
import { isTag } from '../oci/reference';
import type { RegistryTransport, RegistryRequest } from '../transport/registry-transport';
import type { HttpResponse } from '../transport/http-response';
import type { RepositoryScope } from '../transport/scope';
import type { KnownBlobs } from './known-blobs';
import type { Lanes } from './lanes';
import type { BlobTraffic } from './traffic';

/** What the verbs of one repository share. */
export interface RepositoryContext {
  readonly transport: RegistryTransport;
  readonly lanes: Lanes;
  readonly traffic: BlobTraffic;
  /** Of the whole registry. */
  readonly known: KnownBlobs;
  /** Path without host: `acme/cache`. */
  readonly repository: string;
  /** With host, for messages. */
  readonly name: string;
  /** Pages that one listing follows. */
  readonly maxListPages: number;
  /** Bytes per PATCH where uploads are to go in chunks; undefined for one PUT. */
  readonly uploadChunkBytes: number | undefined;
}

export function pull(repository: string): RepositoryScope {
  return { repository, actions: ['pull'] };
}

export function push(repository: string): RepositoryScope {
  return { repository, actions: ['pull', 'push'] };
}

/** The path of something in the repository: `manifests/latest`. */
export function pathOf({ repository }: RepositoryContext, rest: string): string {
  return `/v2/${repository}/${rest}`;
}

/**
 * The path of a manifest. Names of tags are checked where they come in; this keeps what slipped through from being read
 * as a path, as a URL's `..` would be.
 *
 * @throws RangeError for what is neither tag nor digest.
 */
export function manifestPath(context: RepositoryContext, reference: string): string {
  if (!isDigest(reference) && !isTag(reference)) throw new RangeError('a manifest is named by neither tag nor digest');
  return pathOf(context, `manifests/${reference}`);
}

/** A small request: in the lane for those, with retries. */
export function ask(context: RepositoryContext, request: RegistryRequest): Promise<HttpResponse> {
  return context.lanes.requests.run(() => context.transport.request(request), request.signal);
}

/** {@link ask} where only status and headers matter. */
export async function askHeaders(context: RepositoryContext, request: RegistryRequest): Promise<HttpResponse> {
  const response = await ask(context, request);
  await response.discard();
  return response;
}
