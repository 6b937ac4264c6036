import type { CallOptions } from '../content/contract';
import type { HttpResponse } from '../transport/http-response';
import { resolveUrl } from '../transport/hop-client';
import { protocolError } from '../transport/transport-errors';
import { ask, pull, type RepositoryContext } from './repository-context';

/** Bytes of one page of a listing. */
export const maxPageBytes = 4 * 1024 * 1024;

/**
 * The pages of a listing, following `Link` (RFC 8288): on the registry's own origin only, no page twice, at most
 * `maxListPages`. Nothing comes where the first page is not there (404).
 */
export async function* pages(
  context: RepositoryContext,
  first: string,
  options: CallOptions & { readonly headers?: Readonly<Record<string, string>> } = {},
): AsyncGenerator<{ readonly bytes: Buffer; readonly response: HttpResponse }> {
  const { maxListPages } = context;
  const seen = new Set<string>();
  let target: string | URL = first;
  for (;;) {
    const response: HttpResponse = await ask(context, {
      method: 'GET',
      target,
      scopes: [pull(context.repository)],
      expect: [200, 404],
      signal: options.signal,
      ...(options.headers === undefined ? {} : { headers: options.headers }),
    });
    if (response.status === 404) {
      await response.discard();
      if (seen.size === 0) return;
      throw protocolError(response.label, 'the listing ends in a page that is not there');
    }
    seen.add(context.transport.resolve(target).href);
    yield { bytes: await response.bytes(maxPageBytes), response };

    const next = nextPage(response);
    if (next === undefined) return;
    if (next.origin !== context.transport.resolve(first).origin) {
      throw protocolError(response.label, 'the next page of the listing is on another server');
    }
    if (seen.has(next.href)) throw protocolError(response.label, 'the pages of the listing run in a circle');
    if (seen.size >= maxListPages) {
      throw protocolError(response.label, `the listing has more than ${maxListPages} pages`);
    }
    target = next;
  }
}

/** The address that a `Link` header gives for `rel="next"`, resolved. */
export function nextPage({ headers, label, url }: Pick<HttpResponse, 'headers' | 'label' | 'url'>): URL | undefined {
  const links = (headers['link'] ?? '').matchAll(/<([^>]*)>((?:\s*;\s*[^\s;,=]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"]*))?)*)/g);
  for (const [, address = '', parameters = ''] of links) {
    if (!/;\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?=\s*(?:;|$)))/i.test(parameters)) continue;
    const next = resolveUrl(address, url);
    if (next === undefined) throw protocolError(label, 'the Link to the next page is no URL');
    return next;
  }
  return undefined;
}
