import type { WarningEvent } from '../progress/event';
import type { DroppedRecord } from './fit-config';

/** Digests that a message names; the others are counted. */
const NAMED_RECORDS = 8;
const DIGEST_CHARACTERS = 'sha256:'.length + 12;

/** What to say of results that a cache had no room for; undefined if all of them fit. */
export function droppedWarning(location: string, dropped: readonly DroppedRecord[]): WarningEvent | undefined {
  const last = dropped.at(-1);
  if (last === undefined) return undefined;
  const named = dropped.slice(0, NAMED_RECORDS).map(({ digest }) => digest.slice(0, DIGEST_CHARACTERS));
  const others = dropped.length - named.length;
  const list = `${named.join(', ')}${others > 0 ? ` and ${others} more` : ''}`;
  const count = dropped.length === 1 ? '1 result was' : `${dropped.length} results were`;
  return {
    kind: 'warning',
    code: 'CACHE_TRUNCATED',
    message:
      `cache ${location}: ${count} left out, the oldest first, because BuildKit reads no config or manifest above 1 MiB; ` +
      `the last of them is of ${last.createdAt}: ${list}`,
    hint: 'write smaller caches: one reference per image, or mode=min',
  };
}
