import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHostRoot } from '../testing/host-root';

const json = (value: object): string => JSON.stringify(value, undefined, 2);
const numbered = (name: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${name}-${index + 1}`);

/** Servers with a build and dependencies of the lockfile. */
export const servers = numbered('api', 4);
/** Sites with a build. */
export const sites = numbered('site', 4);
/** Whatever else: a folder that is copied as it is. */
export const jobs = numbered('job', 12);
export const apps: readonly string[] = [...servers, ...sites, ...jobs];
/** The image that all of them are built on. */
export const base = 'base';
export const images: readonly string[] = [base, ...apps];

/** The apps that use a library; the others use the other one. */
export function dependentsOf(library: 'ui' | 'util'): readonly string[] {
  return library === 'ui' ? [...sites, ...jobs.slice(6)] : [...servers, ...jobs.slice(0, 6)];
}

const libraryOf = (app: string): 'ui' | 'util' => (dependentsOf('ui').includes(app) ? 'ui' : 'util');

export function lockfile(note: string): string {
  return json({ name: 'acme', lockfileVersion: 3, packages: { '': { name: 'acme', license: note } } });
}

/** The sources of the workspace, before the generators give its apps their Dockerfiles. */
export function sources(root: string): Readonly<Record<string, string>> {
  const files: Record<string, string> = {
    'package-lock.json': lockfile('MIT'),
    'images/base/project.json': json({
      name: base,
      targets: { 'docker-build': { options: { buildContexts: { root } } } },
    }),
    'images/base/Dockerfile': 'FROM scratch\nCOPY --from=root / /\nENV PATH=/bin\n',
  };
  for (const library of ['ui', 'util']) {
    files[`libs/${library}/project.json`] = json({ name: library, projectType: 'library' });
    files[`libs/${library}/index.js`] = `// ${library} 1\n`;
  }
  for (const app of apps) {
    const library = libraryOf(app);
    const source = servers.includes(app) ? 'src/main.js' : sites.includes(app) ? 'index.html' : 'job.sh';
    const command = `mkdir -p dist/apps/${app} && cat libs/${library}/index.js apps/${app}/${source} > dist/apps/${app}/main.js`;
    files[`apps/${app}/${source}`] = `// ${app} 1\n`;
    files[`apps/${app}/README.md`] = `${app}\n`;
    files[`apps/${app}/project.json`] = json({
      name: app,
      implicitDependencies: [library],
      ...(!jobs.includes(app) && {
        targets: {
          build: {
            executor: 'nx:run-commands',
            cache: true,
            options: { command },
            inputs: ['default', '^default'],
            outputs: [`{workspaceRoot}/dist/apps/${app}`],
          },
        },
      }),
    });
  }
  return files;
}

/** What the generators cannot know: that jobs take their library along. */
export function withLibrary(job: string, dockerfile: string): string {
  return `${dockerfile}COPY libs/${libraryOf(job)} lib\n`;
}

/**
 * The root of the base image, from this machine's programs. Its `npm` installs nothing from anywhere; it takes a moment
 * where the lockfile says "slow".
 */
export async function createRoot(directory: string): Promise<void> {
  await createHostRoot(directory);
  const npm = join(directory, 'bin/npm');
  const script = [
    '#!/bin/sh',
    'set -e',
    'mkdir -p node_modules',
    'cp package-lock.json node_modules/.package-lock.json',
    'if grep -q slow package-lock.json; then echo installing; sleep 3; fi',
  ];
  writeFileSync(npm, `${script.join('\n')}\n`);
  chmodSync(npm, 0o755);
}
