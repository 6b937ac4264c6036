import type { ProjectFacts } from './project-facts';

/** The `.dockerignore` of the workspace: what no image of it needs, or must not have. */
export const workspaceIgnore = `# What no image needs. A COPY of a folder does not take it along, and a change in it rebuilds nothing.
.git
.nx
**/node_modules
**/.cache
**/coverage
**/tmp
.package-cache
dist/.nx-registry-cache

# What must not get into an image.
**/.env
**/.env.*
**/.npmrc
**/*.pem
**/*.key

# What only the build itself reads.
**/Dockerfile*
**/*.Dockerfile
**/.dockerignore
`;

/**
 * An ignore file for the project's Dockerfile alone, where the common one would take away too much: the standalone server
 * of Next has its packages in \`node_modules\`.
 */
export function ownIgnore({ kind, output, root, hasPublic }: ProjectFacts): string | undefined {
  if (kind !== 'next') return undefined;
  const folder = root === '.' ? '' : `${root}/`;
  const allowed = [`${output}/standalone`, `${output}/static`, ...(hasPublic ? [`${folder}public`] : [])];
  return [
    '# Just what this Dockerfile copies.',
    '**',
    ...allowed.map((path) => `!${path}`),
    '**/.env',
    '**/.env.*',
    '',
  ].join('\n');
}
