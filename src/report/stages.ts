import { unreachable } from '../diagnostics/unreachable';
import { formatBytes } from '../progress/quantities';
import type { MissCause, StageRefReport, StageReport } from '../stage-refs/contract';
import { formatTable, type Column, type TableOptions } from './table';

const columns: readonly Column[] = [
  { title: 'STAGE', align: 'left', maxCharacters: 40, minCharacters: 12 },
  { title: 'CACHE', align: 'left' },
  { title: 'WHY', align: 'left', maxCharacters: 90, minCharacters: 24 },
];

/** Columns of a plan: where things are and what moves, too. */
const planColumns: readonly Column[] = [
  ...columns,
  { title: 'BYTES', align: 'right' },
  { title: 'REF', align: 'left' },
];

export interface StageTableOptions extends TableOptions {
  /** Print all causes of misses. Default false: the first of each stage. */
  readonly explain?: boolean;
}

/** What stage refs did, for people: a line on the image, and a table of stages where they were looked at. */
export function formatStages(report: StageRefReport, options: StageTableOptions = {}): readonly string[] {
  const isPlan = report.outcome === 'dry-run';
  const shown = report.stages.filter(({ state }) => state !== 'unneeded');
  const rows = shown.map((stage) => [
    stageName(stage),
    stateWord(stage),
    shortCause(stage.causes),
    ...(isPlan ? [stage.bytes === undefined ? '' : formatBytes(stage.bytes), stage.ref ?? ''] : []),
  ]);
  return [
    ...(rows.length > 0 ? formatTable(isPlan ? planColumns : columns, rows, options) : []),
    ...(options.explain === true ? shown.flatMap(allCauses) : []),
    ...imageLines(report),
    ...signatureLines(report),
  ];
}

function stageName({ platform, stage }: StageReport): string {
  return platform === undefined ? stage : `${stage} ${platform}`;
}

function imageLines({ imageRef, imageRefs, outcome, served }: StageRefReport): readonly string[] {
  const refs = imageRef === undefined ? Object.values(imageRefs ?? {}) : [imageRef];
  const where = refs.length === 0 ? '' : `: ${refs.join(', ')}`;
  switch (served) {
    case undefined:
      return outcome === 'dry-run' ? ['dry run: a build would be needed; nothing was built'] : [];
    case 'in-place':
    case 'tagged': {
      if (outcome === 'dry-run') return [`dry run: the image is there, no build would be needed${where}`];
      const tags = served === 'in-place' ? 'the tags point at it already' : 'the tags were moved to it';
      return [`cache: the image is there and ${tags}; nothing was built${where}`];
    }
    case 'assembled':
      return [`cache: all layers are there and the image was put together from them; nothing was built${where}`];
    default:
      return unreachable(served);
  }
}

function signatureLines({ signatures }: StageRefReport): readonly string[] {
  if (signatures === undefined) return [];
  const { signed, unsigned } = signatures;
  return [
    ...(signed.length > 0 ? [`cache: refs that were written and signed: ${signed.length}`] : []),
    ...(unsigned.length > 0
      ? [`cache: not signed, as the builder does not tell what it wrote: ${unsigned.join(', ')}`]
      : []),
  ];
}

function stateWord({ needed, state }: StageReport): string {
  if (!needed) return 'not needed';
  switch (state) {
    case 'present':
      return 'hit';
    case 'missing':
    case 'broken':
      return 'miss';
    case 'unneeded':
      return '';
    default:
      return unreachable(state);
  }
}

function shortCause([first, ...others]: readonly MissCause[]): string {
  if (first === undefined) return '';
  return others.length === 0 ? describeCause(first) : `${describeCause(first)} (and ${others.length} more)`;
}

function allCauses(stage: StageReport): readonly string[] {
  return stage.causes.map((cause) => `  ${stageName(stage)}: ${describeCause(cause)}`);
}

/** One cause in words. */
export function describeCause(cause: MissCause): string {
  switch (cause.kind) {
    case 'first-build':
      return 'no earlier build is known';
    case 'ref-gone':
      return 'nothing changed, but its ref is not there';
    case 'blob-gone':
      return 'the registry has lost a part of it';
    case 'unsigned':
      return 'its ref has no signature that counts';
    case 'new-stage':
      return 'the stage is new';
    case 'base-image':
      return `image ${cause.image} ${changeWord(cause.before, cause.after)}`;
    case 'stage':
      return `stage ${cause.stage} changed`;
    case 'build-arg':
      return `build argument ${cause.name} ${cause.change === 'value' ? 'changed' : `was ${cause.change}`}`;
    case 'instruction':
      return `${place(cause.line)}${changeWord(cause.before, cause.after)}: ${cause.after ?? cause.before ?? ''}`;
    case 'file': {
      const change = { added: 'was added', removed: 'was removed', content: 'changed', mode: 'has another mode' };
      return `${cause.path} ${change[cause.change]} (${place(cause.line)}${cause.instruction})`;
    }
    case 'remote-source':
      return `${cause.source} changed`;
    case 'settings':
      return 'settings of the build changed';
    default:
      return unreachable(cause);
  }
}

function place(line: number | undefined): string {
  return line === undefined ? '' : `line ${line} `;
}

function changeWord(before: string | undefined, after: string | undefined): string {
  if (before === undefined) return 'was added';
  return after === undefined ? 'was removed' : 'changed';
}
