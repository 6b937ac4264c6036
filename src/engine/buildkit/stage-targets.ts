import { copyFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Stage } from '../../dockerfile/ast';
import { IGNORE_FILE_NAME } from '../../dockerfile/ignore-file';
import { parseDockerfile } from '../../dockerfile/parse';
import type { BuildRequest, StageCache } from '../contract';

/** BuildKit builds a stage that has a name, and the last one where no target is named. */
export type StageTarget = { readonly target: string } | { readonly target: undefined };

/** How BuildKit is told to build each of the stages; those that it cannot be told to build are left out. */
export function stageTargets(text: string): ReadonlyMap<number, StageTarget> {
  const { stages } = parseDockerfile({ path: 'Dockerfile', text }).dockerfile;
  const targets = new Map<number, StageTarget>();
  for (const { index, name } of stages) {
    if (index === stages.length - 1) targets.set(index, { target: undefined });
    // Of stages of one name, BuildKit finds the last.
    else if (name !== undefined && !stages.some((other) => other.index > index && other.name === name)) {
      targets.set(index, { target: name });
    }
  }
  return targets;
}

/** The caches of stages that are to be written, as far as BuildKit can be told to build the stage. */
export function exportedStages({ dockerfile, stageCaches = [] }: BuildRequest): readonly StageCache[] {
  const open = stageCaches.filter(({ state }) => state !== 'exists');
  const targets = open.length === 0 ? new Map<number, StageTarget>() : stageTargets(dockerfile.text);
  return open.filter(({ stage }) => targets.has(stage));
}

/**
 * The request with a Dockerfile in which all stages have names whose caches are to be written: a copy in `directory`, its
 * lines where they were. The request itself if they have.
 */
export async function withNamedStages(request: BuildRequest, directory: string): Promise<BuildRequest> {
  const { dockerfile, stageCaches = [] } = request;
  const targets = stageTargets(dockerfile.text);
  const { stages } = parseDockerfile(dockerfile).dockerfile;
  const nameless = stages.filter(
    ({ index, name }) =>
      name === undefined &&
      !targets.has(index) &&
      stageCaches.some(({ stage, state }) => stage === index && state !== 'exists'),
  );
  if (nameless.length === 0) return request;
  const text = nameStages(dockerfile.text, nameless, stages);
  const path = join(directory, basename(dockerfile.path));
  await writeFile(path, text, { mode: 0o600 });
  // An ignore file of the Dockerfile's own is looked for beside it.
  const ignoreFile = `${dockerfile.path}${IGNORE_FILE_NAME}`;
  await copyFile(ignoreFile, `${path}${IGNORE_FILE_NAME}`).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  });
  return { ...request, dockerfile: { path, text } };
}

/** Names are part of no cache key; these are the ones that BuildKit shows for stages without a name. */
function nameStages(text: string, nameless: readonly Stage[], stages: readonly Stage[]): string {
  const taken = new Set(stages.flatMap(({ base, name }) => [base, ...(name === undefined ? [] : [name])]));
  const lines = text.split('\n');
  for (const { index, range, source } of nameless) {
    let name = `stage-${index}`;
    while (taken.has(name)) name += '-';
    const count = range.endLine - range.line;
    lines.splice(range.line - 1, count + 1, `${source} AS ${name}`, ...Array.from({ length: count }, () => ''));
  }
  return lines.join('\n');
}
