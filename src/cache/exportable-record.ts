import type { Digest } from '../oci/digest';
import type { ResultOrigin } from './contract';

/** A record of a build as the solver knows it, to be exported. Records are compared by identity and form no circle. */
export interface ExportableRecord<R> {
  /** Undefined for what no other build can match, such as a build context: it is never exported. */
  readonly digest: Digest | undefined;
  readonly inputs: readonly (readonly ExportableLink<R>[])[];
  /** Of roots (base images, content) there is none. */
  readonly result?: ExportableResult<R>;
}

export interface ExportableLink<R> {
  readonly selector?: string;
  readonly record: ExportableRecord<R>;
}

export interface ExportableResult<R> {
  /** RFC 3339. */
  readonly createdAt: string;
  /** A result of this builder, or one that was matched and not even opened. */
  readonly origin: ResultOrigin | { readonly kind: 'result'; readonly result: R };
}

/** What {@link recordsBottomUp} walks: anything that links to its like. */
interface LinkedRecord<T> {
  readonly inputs: readonly (readonly { readonly record: T }[])[];
}

/** All records below and including `roots`, each behind what it links to. Not recursive. */
export function recordsBottomUp<T extends LinkedRecord<T>>(roots: readonly T[]): readonly T[] {
  const order: T[] = [];
  const seen = new Set<T>();
  const stack = roots.map((record) => ({ record, expanded: false }));
  for (let top = stack.pop(); top; top = stack.pop()) {
    if (top.expanded) {
      order.push(top.record);
      continue;
    }
    if (seen.has(top.record)) continue;
    seen.add(top.record);
    stack.push({ record: top.record, expanded: true });
    for (const links of top.record.inputs) {
      for (const { record } of links) if (!seen.has(record)) stack.push({ record, expanded: false });
    }
  }
  return order;
}
