/** What an image reference begins with that means the image of a project of this workspace. */
const scheme = 'nx-project:';

/** The project that `nx-project:NAME` names; undefined for anything else. */
export function parseProjectImage(reference: string): string | undefined {
  return reference.startsWith(scheme) && reference.length > scheme.length ? reference.slice(scheme.length) : undefined;
}

/**
 * A project's name as it may stand in an image name, a tag or a file name: `@acme/Api` is `acme-api`. Names that differ
 * only in characters that images do not have become the same.
 */
export function projectSlug(name: string): string {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/[._-]{2,}/g, '-')
    .replace(/^[._-]+|[._-]+$/g, '');
  return slug === '' ? 'project' : slug;
}

/** The one of `names` that a user means: the name itself, or, as FROM takes no `@` or `/`, its slug. */
export function findProjectName(wanted: string, names: Iterable<string>): string | undefined {
  let bySlug: string | undefined;
  for (const name of names) {
    if (name === wanted) return name;
    if (bySlug === undefined && projectSlug(name) === wanted) bySlug = name;
  }
  return bySlug;
}

/** The executor that makes images, by the names under which a target may call it. */
export function isImageExecutor(executor: unknown): boolean {
  return executor === 'nx-registry-cache:docker-build';
}

/**
 * The target whose image `nx-project:NAME` means where a project has several: the one with the shortest name, as inferred
 * targets of further Dockerfiles have the name of the first with something behind it.
 */
export function mainImageTarget(names: readonly string[]): string | undefined {
  return [...names].sort((a, b) => a.length - b.length || (a < b ? -1 : 1))[0];
}
