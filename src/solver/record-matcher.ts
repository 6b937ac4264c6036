import type { RecordSource, SourceLink, SourceRecord, SourceResult } from '../cache/contract';
import { compareTimes } from '../cache/rfc3339';
import type { Digest } from '../oci/digest';
import { contentKey, type EdgeNode } from './edge-node';

/** A result that a match offers. */
export interface Candidate {
  readonly source: string;
  readonly record: SourceRecord;
  readonly found: SourceResult;
}

/** How far a link of a record is known to be an input's. `open` may still turn out to be. */
export type LinkState = 'yes' | 'no' | 'open';

/** Finds records of the sources. Everything here is in memory and immediate. */
export class RecordMatcher<R> {
  readonly #bad = new Set<SourceResult>();

  constructor(private readonly sources: readonly RecordSource[]) {}

  /** Records that could be the edge's, by digest alone. */
  recordsOf(node: EdgeNode<R>): readonly SourceRecord[] {
    if (node.vertex.ignoreCache) return [];
    const inputCount = node.inputs.length;
    return node.recordDigests.flatMap((digest) =>
      this.sources.flatMap((source) => source.find(digest).filter((record) => record.inputs.length === inputCount)),
    );
  }

  /** The records that the edge's definition matches, given its inputs' matches. */
  matchByDefinition(node: EdgeNode<R>): ReadonlySet<SourceRecord> {
    return new Set(
      this.recordsOf(node).filter((record) =>
        record.inputs.every((links, input) => links.some((link) => isDefinitionLink(node, input, link))),
      ),
    );
  }

  /** Whether one of the links is the input's, by its definition or by its content as far as they are known. */
  inputState(node: EdgeNode<R>, input: number, links: readonly SourceLink[], pending: PendingInput): LinkState {
    const content = node.contentDigests.get(input);
    const contentRecord = content && contentKey(content);
    if (
      links.some(
        (link) =>
          isDefinitionLink(node, input, link) || (contentRecord !== undefined && isContentLink(link, contentRecord)),
      )
    )
      return 'yes';
    if (pending.lookup) return 'open';
    return pending.content && links.some((link) => isContentLink(link, undefined)) ? 'open' : 'no';
  }

  /** Whether a match has a result that was not found to be unusable. */
  hasResult(record: SourceRecord): boolean {
    return record.results.some((result) => !this.#bad.has(result));
  }

  /** Results of the edge's matches: sources in their order, newest first within one. */
  candidates(node: EdgeNode<R>): readonly Candidate[] {
    return this.sources.flatMap((source) =>
      node.recordDigests
        .flatMap((digest) => source.find(digest).filter((record) => node.matches.has(record)))
        .flatMap((record) => record.results.map((found) => ({ source: source.name, record, found })))
        .filter(({ found }) => !this.#bad.has(found))
        .sort((a, b) => compareTimes(b.found.createdAt, a.found.createdAt)),
    );
  }

  /** The name of the first source with a match, for reports. */
  sourceOf(node: EdgeNode<R>): string | undefined {
    return this.sources.find((source) =>
      node.recordDigests.some((digest) => source.find(digest).some((record) => node.matches.has(record))),
    )?.name;
  }

  /** Never offers the result again. */
  reject(found: SourceResult): void {
    this.#bad.add(found);
  }
}

/** What could still be found out about an input. */
export interface PendingInput {
  readonly lookup: boolean;
  readonly content: boolean;
}

function isDefinitionLink<R>(node: EdgeNode<R>, input: number, link: SourceLink): boolean {
  return (
    node.inputs[input]?.matches.has(link.record) === true &&
    (link.selector ?? '') === (node.map.inputs[input]?.selector ?? '')
  );
}

/** Whether the link is by content: by this one, or by any if undefined. */
function isContentLink(link: SourceLink, content: Digest | undefined): boolean {
  if (link.selector !== undefined || link.record.inputs.length > 0) return false;
  return content === undefined || link.record.digest === content;
}
