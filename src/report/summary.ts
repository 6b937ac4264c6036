import { unreachable } from '../diagnostics/unreachable';
import type { BuildOutcome, CacheExportReport, StepReport } from '../engine/contract';
import { formatBytes, formatSeconds } from '../progress/quantities';
import type { CachedBuildOutcome } from '../stage-refs/stage-ref-engine';
import { formatStages, type StageTableOptions } from './stages';
import { formatTable, type Column } from './table';

const columns: readonly Column[] = [
  { title: 'STEP', align: 'left', maxCharacters: 72, minCharacters: 16 },
  { title: 'RESULT', align: 'left' },
  { title: 'FROM', align: 'left', maxCharacters: 60, minCharacters: 8 },
  { title: 'BYTES', align: 'right' },
  { title: 'TIME', align: 'right' },
];

/** Totals over the steps of a build. */
export interface StepTotals {
  /** Steps of stages that were needed, hits or not. Contexts are none: they are read each time, to see what changed. */
  readonly needed: number;
  readonly hits: number;
  readonly bytesDownloaded: number;
}

export function totalsOf(steps: readonly StepReport[]): StepTotals {
  const needed = steps.filter((step) => step.outcome !== 'not-needed' && step.stage !== undefined);
  return {
    needed: needed.length,
    hits: needed.filter((step) => step.outcome === 'hit').length,
    bytesDownloaded: steps.reduce((sum, step) => sum + step.bytes, 0),
  };
}

/**
 * The table at the end of a build: stages with what was found of them, a line per step, what went into the cache, totals,
 * and the image's digest.
 */
export function formatSummary(outcome: CachedBuildOutcome, options: StageTableOptions = {}): string {
  const { stageRefs } = outcome;
  const lines = stageRefs === undefined ? [] : [...formatStages(stageRefs, options)];
  if (stageRefs === undefined || stageRefs.outcome === 'built') {
    if (lines.length > 0) lines.push('');
    lines.push(...stepLines(outcome, options));
  }
  if (outcome.image !== undefined) lines.push(`image: ${outcome.image.digest}`);
  return lines.join('\n');
}

function stepLines(outcome: BuildOutcome, options: StageTableOptions): readonly string[] {
  const shown = outcome.steps.filter((step) => step.outcome !== 'not-needed');
  const { needed, hits, bytesDownloaded } = totalsOf(outcome.steps);
  const bytesSent = outcome.cacheExports.reduce((sum, { bytesSent = 0 }) => sum + bytesSent, 0);
  const isSentKnown = outcome.cacheExports.every((report) => report.bytesSent !== undefined);
  return [
    ...formatTable(columns, shown.map(stepRow), options),
    ...outcome.cacheExports.map(exportLine),
    [
      `cache: ${hits} of ${needed} steps were hits`,
      `${formatBytes(bytesDownloaded)} downloaded`,
      ...(isSentKnown ? [`${formatBytes(bytesSent)} of cache sent`] : []),
    ].join(', '),
  ];
}

function stepRow(step: StepReport): readonly string[] {
  return [
    step.name,
    resultWord(step),
    step.source ?? '',
    step.bytes === 0 ? '' : formatBytes(step.bytes),
    formatSeconds(step.durationMs),
  ];
}

function resultWord({ outcome, stage }: StepReport): string {
  switch (outcome) {
    case 'hit':
      return 'hit';
    case 'executed':
      return stage === undefined ? 'read' : 'run';
    case 'failed':
      return 'failed';
    case 'canceled':
      return 'canceled';
    case 'not-needed':
      return '';
    default:
      return unreachable(outcome);
  }
}

function exportLine(report: CacheExportReport): string {
  if (report.error !== undefined) return `cache export to ${report.location} failed and was ignored: ${report.error}`;
  if (report.manifest === undefined && report.layers === 0)
    return `cache export to ${report.location}: nothing to export`;
  const { location, layers, bytesSent, bytesSkipped } = report;
  const parts = [
    `${layers} layers`,
    ...(bytesSent === undefined ? [] : [`${formatBytes(bytesSent)} sent`]),
    ...(bytesSkipped === undefined ? [] : [`${formatBytes(bytesSkipped)} there already`]),
    formatSeconds(report.durationMs),
  ];
  return `cache export to ${location}: ${parts.join(', ')}`;
}
