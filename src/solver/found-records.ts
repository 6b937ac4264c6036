import type { RecordSource, SourceLink, SourceRecord } from '../cache/contract';
import { recordsBottomUp, type ExportableLink, type ExportableRecord } from '../cache/exportable-record';

/**
 * Records of the sources, to be exported again with all that they link to. Only records of this build bring their
 * results: what else is linked to is a way to be matched, and its layers are another build's business.
 */
export class FoundRecords<R> {
  readonly #own = new Map<SourceRecord, ExportableRecord<R>>();
  readonly #others = new Map<SourceRecord, ExportableRecord<R>>();

  /**
   * @param matches the records that edges of this build matched
   * @param equivalentsOf sources to take further ways to the same content from
   */
  constructor(
    private readonly matches: ReadonlySet<SourceRecord>,
    private readonly equivalentsOf: readonly RecordSource[],
  ) {}

  /** The record and all below it, each wrapped once. */
  wrap(top: SourceRecord): ExportableRecord<R> {
    return wrapAll(top, this.#own, (record, inputs) => {
      if (!this.matches.has(record)) return { digest: record.digest, inputs };
      const [best] = record.results;
      const origin = best?.open();
      return {
        digest: record.digest,
        inputs: inputs.map((links, input) => [...links, ...this.#equivalentLinks(record, input)]),
        ...(best && origin && { result: { createdAt: best.createdAt, origin } }),
      };
    });
  }

  /**
   * Links of other records with the same digest that share the content of this input. What they lead to is wrapped
   * apart and gets no such links itself, so that there is no circle.
   */
  #equivalentLinks(record: SourceRecord, input: number): readonly ExportableLink<R>[] {
    const contents = new Set((record.inputs[input] ?? []).filter(isRootLink).map((link) => link.record.digest));
    return this.equivalentsOf
      .flatMap((source) => source.find(record.digest))
      .map((other) => other.inputs[input] ?? [])
      .filter((links) => links.some((link) => isRootLink(link) && contents.has(link.record.digest)))
      .flatMap((links) => links.filter((link) => link.selector !== undefined))
      .map((link) => {
        const linked = wrapAll(link.record, this.#others, ({ digest }, inputs) => ({ digest, inputs }));
        return withSelector(link, linked);
      });
  }
}

type Wrapped<R> = Map<SourceRecord, ExportableRecord<R>>;

/** Not recursive. */
function wrapAll<R>(
  top: SourceRecord,
  wrapped: Wrapped<R>,
  wrap: (record: SourceRecord, inputs: ExportableRecord<R>['inputs']) => ExportableRecord<R>,
): ExportableRecord<R> {
  for (const record of wrapped.has(top) ? [] : recordsBottomUp([top])) {
    if (wrapped.has(record)) continue;
    const inputs = record.inputs.map((links) =>
      links.flatMap((link) => {
        const linked = wrapped.get(link.record);
        return linked ? [withSelector(link, linked)] : [];
      }),
    );
    wrapped.set(record, wrap(record, inputs));
  }
  return wrapped.get(top) ?? { digest: undefined, inputs: [] };
}

function withSelector<R>({ selector }: SourceLink, record: ExportableRecord<R>): ExportableLink<R> {
  return selector === undefined ? { record } : { selector, record };
}

/** Whether a link is by content, or to another root. */
function isRootLink(link: SourceLink): boolean {
  return link.selector === undefined && link.record.inputs.length === 0;
}
