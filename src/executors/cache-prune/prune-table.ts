import { unreachable } from '../../diagnostics/unreachable';
import type { KeepReason, PrunedTag, PruneOutcome, PruneReport } from '../../stage-refs/prune/contract';
import { formatBytes } from '../../progress/quantities';
import { formatTable, type Column } from '../../report/table';
import { formatAge } from '../cache-inspect/age';
import { bytesOf } from './prune-json';

/** Rows of the table, deletions first; what is more is counted. The JSON output has all. */
const maxRows = 200;
/** Messages that are repeated below the table. */
const maxProblems = 10;

const columns: readonly Column[] = [
  { title: 'TAG', align: 'left', maxCharacters: 80 },
  { title: 'AGE', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'ACTION', align: 'left' },
  { title: 'WHY', align: 'left', maxCharacters: 100 },
];

/** What goes and what stays, for a terminal. */
export function formatPruneReport(
  report: PruneReport,
  nowMs: number,
  { summaryOnly }: { readonly summaryOnly: boolean },
): string {
  const ordered = [...report.tags.filter(({ keep }) => !keep), ...report.tags.filter(({ keep }) => keep)];
  const rows = ordered.slice(0, maxRows).map((tag) => rowOf(tag, nowMs));
  const table = [...formatTable(columns, rows), ...moreThan(ordered.length, maxRows, 'tags')];
  return [...(summaryOnly ? [] : [...table, '']), ...summary(report)].join('\n');
}

function rowOf(tag: PrunedTag, nowMs: number): readonly string[] {
  const { facts, keep, outcome } = tag;
  const age = facts.createdAtMs === undefined ? '' : formatAge(new Date(facts.createdAtMs).toISOString(), nowMs);
  const action = keep ? 'keep' : outcome ? actionOf(outcome) : '';
  return [facts.tag, age, formatBytes(bytesOf(tag)), action, keep ? whyKept(keep) : 'no live build needs it'];
}

function actionOf({ kind }: PruneOutcome): string {
  switch (kind) {
    case 'planned':
      return 'would delete';
    case 'deleted':
      return 'deleted';
    case 'untagged':
      return 'tag deleted';
    case 'shared':
      return 'left: the registry deletes no single tag';
    case 'gone':
      return 'was gone';
    case 'changed':
      return 'left: in use again';
    case 'failed':
      return 'failed';
    case 'refused':
      return 'refused';
    default:
      return unreachable(kind);
  }
}

function whyKept(reason: KeepReason): string {
  switch (reason.kind) {
    case 'foreign':
      return 'not written by stage refs';
    case 'pinned':
      return 'keepTags names it';
    case 'scope':
      return 'keepScopes names its branch';
    case 'recent':
      return 'recent';
    case 'age-unknown':
      return 'its age is not known';
    case 'unreadable':
      return 'it cannot be read';
    case 'latest-build':
      return 'of the latest builds of a target';
    case 'needed':
      return `${reason.by} needs it`;
    default:
      return unreachable(reason);
  }
}

function summary({ applied, freedBytes, keptBytes, repository, tags }: PruneReport): readonly string[] {
  const going = tags.filter(({ keep }) => !keep);
  const done = going.filter(({ outcome }) => outcome?.kind === 'deleted' || outcome?.kind === 'untagged');
  const kept = `${tags.length - going.length} stay`;
  const lines = applied
    ? [
        `${repository}: ${done.length} of ${going.length} tags deleted, ${kept}`,
        `${formatBytes(freedBytes)} are needed no more and free once the registry collects garbage; ${formatBytes(keptBytes)} stay`,
      ]
    : [
        `${repository}: ${going.length} tags would go, ${kept}`,
        `${formatBytes(freedBytes)} would be needed no more; ${formatBytes(keptBytes)} would stay`,
        ...(going.length > 0 ? ['nothing was deleted; with --apply it is'] : []),
      ];
  const problems = going.flatMap(({ facts, outcome }) =>
    outcome?.kind === 'failed' ? [`${facts.tag}: ${outcome.message}`] : [],
  );
  return [...lines, ...problems.slice(0, maxProblems), ...moreThan(problems.length, maxProblems, 'failures')];
}

function moreThan(count: number, shown: number, what: string): readonly string[] {
  return count > shown ? [`and ${count - shown} more ${what}`] : [];
}
