import { posix } from 'node:path';
import { projectSlug } from '../workspace/project-image-name';

/** Which files are Dockerfiles; with what {@link isDockerfile} leaves out. */
export const dockerfileGlob = 'Dockerfile,Dockerfile.*,*.Dockerfile,Containerfile,Containerfile.*,*.Containerfile';

const plainNames: ReadonlySet<string> = new Set(['Dockerfile', 'Containerfile']);

/** Whether a file is a Dockerfile by its name: `Dockerfile.dockerignore` is an ignore file. */
export function isDockerfile(file: string): boolean {
  const name = posix.basename(file);
  if (/\.(?:dockerignore|md|orig|bak|swp|tmpl|template)$|~$/.test(name)) return false;
  return /^(?:Dockerfile|Containerfile)(?:\..+)?$|.\.(?:Dockerfile|Containerfile)$/.test(name);
}

/**
 * Names of the targets for the Dockerfiles of one project. The plain one nearest to the project's root, or the only one
 * there is, gets `base`, all others `base-` and what is special in their name or folder.
 */
export function nameTargets(
  files: readonly string[],
  { root, base }: { readonly root: string; readonly base: string },
): ReadonlyMap<string, string> {
  const relative = (file: string): string => posix.relative(root, file);
  const sorted = [...files].sort((a, b) => depth(a) - depth(b) || compare(rank(a), rank(b)) || compare(a, b));
  const plain = sorted.find((file) => plainNames.has(posix.basename(file)));
  const main = files.length === 1 ? files[0] : plain;
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const file of sorted) {
    const suffix = suffixOf(relative(file));
    let name = file === main ? base : `${base}-${suffix === '' ? 'containerfile' : suffix}`;
    for (let count = 2; taken.has(name); count++) name = `${base}-${suffix}-${count}`;
    taken.add(name);
    names.set(file, name);
  }
  return names;
}

/** `docker/dev.Dockerfile` is `docker-dev`. */
function suffixOf(file: string): string {
  const name = posix.basename(file).replace(/^(?:Dockerfile|Containerfile)\.?|\.(?:Dockerfile|Containerfile)$/g, '');
  const directory = posix.dirname(file);
  const text = [directory === '.' ? '' : directory, name].filter((part) => part !== '').join('-');
  return text === '' ? '' : projectSlug(text.replaceAll('.', '-'));
}

function depth(file: string): number {
  return file.split('/').length;
}

/** `Dockerfile` before `Containerfile`, as builders that know both have it. */
function rank(file: string): string {
  return posix.basename(file).startsWith('Containerfile') ? '1' : '0';
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
