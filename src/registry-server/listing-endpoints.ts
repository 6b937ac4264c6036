import type { Digest } from '../oci/digest';
import { mediaTypes } from '../oci/media-types';
import { answerJson, methodNotAllowed, type Exchange } from './exchange';
import { refusal } from './refusal';

/** Entries of one page where the client asks for more or for no number at all. */
export const maxPageEntries = 1000;

/** `tags/list` with `n` and `last` (distribution-spec "listing tags"). */
export async function answerTags(exchange: Exchange, repository: string): Promise<void> {
  requireGet(exchange);
  const tags = await exchange.storage.manifests.tags(repository);
  if (tags === undefined) throw refusal(404, 'NAME_UNKNOWN', 'there is no such repository');
  const { entries, headers } = page(exchange, tags, `/v2/${repository}/tags/list`);
  answerJson(exchange, { name: repository, tags: entries }, headers);
}

/** `_catalog`, as Docker's registry has it. */
export async function answerCatalog(exchange: Exchange): Promise<void> {
  requireGet(exchange);
  const { entries, headers } = page(exchange, await exchange.storage.manifests.repositories(), '/v2/_catalog');
  answerJson(exchange, { repositories: entries }, headers);
}

/** Manifests whose subject is `digest`, as an image index; `artifactType` filters (distribution-spec 1.1). */
export async function answerReferrers(
  exchange: Exchange,
  { repository, digest }: { readonly repository: string; readonly digest: Digest },
): Promise<void> {
  requireGet(exchange);
  const wanted = exchange.query.get('artifactType');
  const all = await exchange.storage.manifests.referrers(repository, digest);
  const manifests = wanted === null ? all : all.filter(({ artifactType }) => artifactType === wanted);
  answerJson(
    exchange,
    { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests },
    { 'content-type': mediaTypes.ociIndex, ...(wanted === null ? {} : { 'oci-filters-applied': 'artifactType' }) },
  );
}

/** The entries after `last`, at most `n` of them, with a `Link` to the next page where there is one. */
function page(
  { query }: Exchange,
  sorted: readonly string[],
  path: string,
): { readonly entries: readonly string[]; readonly headers: Readonly<Record<string, string>> } {
  const number = query.get('n');
  if (number !== null && !/^\d{1,9}$/.test(number)) {
    throw refusal(400, 'PAGINATION_NUMBER_INVALID', 'n is not a number of entries');
  }
  const count = Math.min(number === null ? maxPageEntries : Number(number), maxPageEntries);
  const last = query.get('last');
  const rest = last === null ? sorted : sorted.filter((entry) => entry > last);
  const entries = rest.slice(0, count);
  const end = entries.at(-1);
  if (end === undefined || entries.length === rest.length) return { entries, headers: {} };
  return { entries, headers: { link: `<${path}?n=${count}&last=${encodeURIComponent(end)}>; rel="next"` } };
}

function requireGet({ method }: Exchange): void {
  if (method !== 'GET' && method !== 'HEAD') throw methodNotAllowed('GET');
}
