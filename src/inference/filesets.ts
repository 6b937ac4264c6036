import type { IgnoreRules } from './ignore-rules';

const workspacePrefix = '{workspaceRoot}/';

/** Characters that Nx's globs and those of Dockerfiles read differently; wildcards of both are not among them. */
const foreignCharacters = /[\\{}()!+@|[\]]/;

/**
 * Nx's filesets for what COPY can take from `path` (relative to the workspace root, with the wildcards of Dockerfiles)
 * in a context at `contextRoot`, without what is ignored there.
 */
export function filesetsFor(path: string, contextRoot: string, ignore: IgnoreRules): readonly string[] {
  return ignore
    .narrow(path)
    .map((narrowed) => globOf(joinRoot(contextRoot, narrowed)))
    .flatMap((glob) =>
      glob === '' ? [`${workspacePrefix}**/*`] : [workspacePrefix + glob, `${workspacePrefix}${glob}/**/*`],
    );
}

/** Filesets that take away what is ignored, as far as that can be said without taking back in. */
export function ignoredFilesets(contextRoot: string, ignore: IgnoreRules): readonly string[] {
  return ignore.excluded
    .filter((pattern) => !foreignCharacters.test(pattern))
    .map((pattern) => joinRoot(contextRoot, pattern))
    .flatMap((glob) => [`!${workspacePrefix}${glob}`, `!${workspacePrefix}${glob}/**/*`]);
}

/** A fileset for one file. Names with characters that mean something in globs give all of their directory. */
export function filesetOf(file: string): string {
  const glob = globOf(file);
  return glob === file ? workspacePrefix + file : `${workspacePrefix}${glob === '' ? '' : `${glob}/`}**/*`;
}

/** The path as a glob of Nx; up to the first name that cannot be written as one. Empty for the workspace's root. */
function globOf(path: string): string {
  const names = path === '.' ? [] : path.split('/');
  const first = names.findIndex((name) => foreignCharacters.test(name) || name === '..');
  return names.slice(0, first < 0 ? names.length : first).join('/');
}

/** A path below `root` as one from the workspace root, both clean. */
export function joinRoot(root: string, path: string): string {
  if (root === '.') return path;
  return path === '.' ? root : `${root}/${path}`;
}
