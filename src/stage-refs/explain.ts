import type { MissCause } from './contract';
import { foldedDepth, foldFiles } from './fold-files';
import type { FileInput, InstructionInputs, StageInputs } from './stage-inputs';

/** Causes of one miss that are told apart; a reader has seen enough by then. */
const maxCauses = 50;

/**
 * Why a stage has another key than in the nearest of some earlier builds: the one that has least in difference. Causes
 * that another cause brings about come after it.
 */
export function explainMiss(now: StageInputs, earlier: readonly (readonly StageInputs[])[]): readonly MissCause[] {
  if (earlier.length === 0) return [{ kind: 'first-build' }];
  const candidates = earlier.flatMap((build) => build.find(({ stage }) => stage === now.stage) ?? []);
  if (candidates.length === 0) return [{ kind: 'new-stage' }];
  if (candidates.some(({ key }) => key === now.key)) return [{ kind: 'ref-gone' }];
  const explained = candidates.map((before) => compareStages(before, now));
  const [nearest = []] = explained.sort((a, b) => a.length - b.length);
  return (nearest.length > 0 ? nearest : [{ kind: 'settings' } as const]).slice(0, maxCauses);
}

function compareStages(before: StageInputs, now: StageInputs): readonly MissCause[] {
  const instructions = compareInstructions(before.instructions, now.instructions);
  return [
    ...compareRecords(before.images, now.images, (image, was, is): MissCause => ({
      kind: 'base-image',
      image,
      ...(was !== undefined && { before: was }),
      ...(is !== undefined && { after: is }),
    })),
    ...compareRecords(before.args, now.args, (name, was, is): MissCause => ({
      kind: 'build-arg',
      name,
      change: was === undefined ? 'added' : is === undefined ? 'removed' : 'value',
    })),
    ...instructions,
    ...compareRecords(before.stages, now.stages, (stage): MissCause => ({ kind: 'stage', stage })),
  ];
}

function compareRecords(
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
  cause: (name: string, was: string | undefined, is: string | undefined) => MissCause,
): readonly MissCause[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort();
  return names.filter((name) => before[name] !== now[name]).map((name) => cause(name, before[name], now[name]));
}

/** Instructions are matched from both ends; what is left between is changed one by one, then added or removed. */
function compareInstructions(
  before: readonly InstructionInputs[],
  now: readonly InstructionInputs[],
): readonly MissCause[] {
  const shorter = Math.min(before.length, now.length);
  let head = 0;
  while (head < shorter && before[head]?.hash === now[head]?.hash) head++;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail)?.hash === now.at(-1 - tail)?.hash) tail++;
  const same = now.flatMap((instruction, index): (readonly [InstructionInputs, InstructionInputs])[] => {
    const fromEnd = now.length - index;
    const match = index < head ? before[index] : fromEnd <= tail ? before.at(-fromEnd) : undefined;
    return match ? [[match, instruction]] : [];
  });
  const gone = before.slice(head, before.length - tail);
  const come = now.slice(head, now.length - tail);
  const changed = Array.from({ length: Math.max(gone.length, come.length) }, (_, index): MissCause => {
    const was = gone[index];
    const is = come[index];
    return {
      kind: 'instruction',
      change: was === undefined ? 'added' : is === undefined ? 'removed' : 'changed',
      ...(was && { before: was.text }),
      ...(is && { after: is.text, line: is.line }),
    };
  });
  return [...changed, ...same.flatMap(([was, is]) => compareSources(was, is))];
}

function compareSources(before: InstructionInputs, now: InstructionInputs): readonly MissCause[] {
  const remote = compareRecords(before.sources ?? {}, now.sources ?? {}, (source): MissCause => ({
    kind: 'remote-source',
    source,
  }));
  const depth = foldedDepth(before.files ?? []);
  const was = byPath(before.files);
  const is = byPath(depth === undefined ? now.files : foldFiles(now.files ?? [], depth));
  const paths = [...new Set([...was.keys(), ...is.keys()])].sort();
  const files = paths.flatMap((path) =>
    fileChanges(was.get(path), is.get(path)).map((change): MissCause => ({
      kind: 'file',
      instruction: now.text,
      line: now.line,
      path,
      change,
    })),
  );
  return [...files, ...remote];
}

function byPath(files: readonly FileInput[] = []): ReadonlyMap<string, FileInput> {
  return new Map(files.map((file) => [file[0], file]));
}

/** A digest covers the mode, too: with another mode and the same size, the content is taken to be the same. */
function fileChanges(
  before: FileInput | undefined,
  now: FileInput | undefined,
): readonly ('added' | 'removed' | 'content' | 'mode')[] {
  if (before === undefined) return now === undefined ? [] : ['added'];
  if (now === undefined) return ['removed'];
  const [, wasMode, wasSize, wasDigest] = before;
  const [, isMode, isSize, isDigest] = now;
  if (wasMode !== isMode) return wasSize === isSize ? ['mode'] : ['mode', 'content'];
  return wasDigest === isDigest ? [] : ['content'];
}
