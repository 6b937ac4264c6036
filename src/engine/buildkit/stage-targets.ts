import { copyFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Stage } from '../../dockerfile/ast';
import { IGNORE_FILE_NAME } from '../../dockerfile/ignore-file';
import { parseDockerfile } from '../../dockerfile/parse';
import type { BuildRequest, StageCache } from '../contract';

/**
 * How BuildKit is told to build each of the stages: by its name, or by none if it is the last; those that it cannot be told to
 * build are left out.
 */
export function stageTargets(stages: readonly Stage[]): ReadonlyMap<number, string | undefined> {
  const targets = new Map<number, string | undefined>();
  for (const { index, name } of stages) {
    if (index === stages.length - 1) targets.set(index, undefined);
    // Of stages of one name, BuildKit finds the last.
    else if (name !== undefined && !stages.some((other) => other.index > index && other.name === name)) {
      targets.set(index, name);
    }
  }
  return targets;
}

/** A cache of a stage that is to be written, and the target that BuildKit builds for it. */
export interface ExportedStage {
  readonly cache: StageCache;
  readonly target: string | undefined;
}

/** The caches of stages that are to be written, as far as BuildKit can be told to build the stage. */
export function exportedStages(request: BuildRequest): readonly ExportedStage[] {
  const open = openCaches(request);
  if (open.length === 0) return [];
  const targets = stageTargets(parseDockerfile(request.dockerfile).dockerfile.stages);
  return open.flatMap((cache) => (targets.has(cache.stage) ? [{ cache, target: targets.get(cache.stage) }] : []));
}

function openCaches({ stageCaches = [] }: BuildRequest): readonly StageCache[] {
  return stageCaches.filter(({ state }) => state !== 'exists');
}

/**
 * The request with a Dockerfile in which all stages have names whose caches are to be written: a copy in `directory`, its
 * lines where they were. The request itself if they have.
 */
export async function withNamedStages(request: BuildRequest, directory: string): Promise<BuildRequest> {
  const { dockerfile } = request;
  const open = new Set(openCaches(request).map(({ stage }) => stage));
  if (open.size === 0) return request;
  const { stages } = parseDockerfile(dockerfile).dockerfile;
  const targets = stageTargets(stages);
  const nameless = stages.filter(({ index, name }) => name === undefined && !targets.has(index) && open.has(index));
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
