import type { RecordSource, SourceRecord } from '../cache/contract';
import type { ExportableLink, ExportableRecord } from '../cache/exportable-record';
import { contentKey, type EdgeNode } from './edge-node';
import { FoundRecords } from './found-records';

/**
 * The records of a solve, for export to a cache. An executed edge has the links that BuildKit gives it: by the
 * definition of its inputs, and by their content where that is a key. A hit brings the record that was found with all
 * that it links to, and links to what this build found out beyond that.
 */
export class ExportableKeys<R> {
  readonly #nodes = new Map<EdgeNode<R>, ExportableRecord<R>>();
  readonly #found: FoundRecords<R>;

  /**
   * @param nodes in order, inputs first
   * @param equivalentsOf sources to take further ways to the same content from
   */
  constructor(nodes: readonly EdgeNode<R>[], equivalentsOf: readonly RecordSource[]) {
    this.#found = new FoundRecords<R>(new Set(nodes.flatMap(({ matches }) => [...matches])), equivalentsOf);
    for (const node of nodes) this.#nodes.set(node, this.#recordOf(node));
  }

  of(node: EdgeNode<R>): ExportableRecord<R> {
    const record = this.#nodes.get(node);
    if (record === undefined) throw new Error(`"${node.vertex.name}" was not solved`);
    return record;
  }

  /** A record that was matched, although nothing asked for its result. */
  ofFound(record: SourceRecord): ExportableRecord<R> {
    return this.#found.wrap(record);
  }

  #recordOf(node: EdgeNode<R>): ExportableRecord<R> {
    const { settled } = node;
    // The first key is the one by definition; that of an image's layers would tie the record to more than was asked for.
    const [digest] = node.recordDigests;
    if (node.isRoot) return { digest, inputs: [] };
    const inputs = node.inputs.map((_, input) => this.#linksOf(node, input));
    if (settled?.origin.kind === 'executed') {
      const { result } = settled;
      return { digest, inputs, result: { createdAt: settled.origin.createdAt, origin: { kind: 'result', result } } };
    }
    if (settled?.origin.kind === 'hit') {
      const { record, found } = settled.origin;
      const known = this.#found.wrap(record).inputs;
      const origin = found.open();
      return {
        digest,
        inputs: inputs.map((links, input) => [...(known[input] ?? []), ...links]),
        ...(origin && { result: { createdAt: found.createdAt, origin } }),
      };
    }
    return { digest: undefined, inputs: [] };
  }

  /** How this build knows the input: not at all if nothing asked for it, for then the found record tells. */
  #linksOf(node: EdgeNode<R>, input: number): readonly ExportableLink<R>[] {
    const source = node.inputs[input];
    const selector = node.map.inputs[input]?.selector;
    const content = node.contentDigests.get(input);
    const record = source && (source.settled || source.isRoot) ? this.#nodes.get(source) : undefined;
    return [
      ...(record ? [selector === undefined ? { record } : { selector, record }] : []),
      ...(content === undefined ? [] : [{ record: { digest: contentKey(content), inputs: [] } }]),
    ];
  }
}
