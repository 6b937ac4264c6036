import type { CallOptions } from '../content/contract';
import { isTag } from '../oci/reference';
import { protocolError } from '../transport/transport-errors';
import { pages } from './paging';
import { pathOf, type RepositoryContext } from './repository-context';

/** Tags that one page is asked for; registries may send fewer. */
const pageSize = 1000;

/** The tags of a repository, page by page; none where the repository is not there. */
export async function* listTags(context: RepositoryContext, options: CallOptions = {}): AsyncGenerator<string> {
  for await (const { bytes, response } of pages(context, pathOf(context, `tags/list?n=${pageSize}`), options)) {
    for (const tag of readTags(bytes) ?? []) {
      // A tag goes into paths: what is none, no honest registry lists.
      if (typeof tag !== 'string' || !isTag(tag)) throw protocolError(response.label, 'it lists what is no tag');
      yield tag;
    }
  }
}

/** `tags` is null in the answers of some registries to a repository without any. */
function readTags(bytes: Buffer): readonly unknown[] | undefined {
  try {
    const { tags } = JSON.parse(bytes.toString('utf8')) as { readonly tags?: unknown };
    return Array.isArray(tags) ? tags : undefined;
  } catch {
    return undefined;
  }
}
