import { joinPathFragments, type ProjectConfiguration, type Tree } from '@nx/devkit';
import { parseJsonText } from '../../src/inference/json-text';
import { asRecord } from '../../src/inference/workspace-projects';

export const projectKinds = ['node', 'next', 'static', 'empty'] as const;
export type ProjectKind = (typeof projectKinds)[number];

export const packageManagers = ['npm', 'pnpm', 'yarn', 'berry', 'bun'] as const;
export type PackageManagerName = (typeof packageManagers)[number];

/** What a Dockerfile has to know about its project. Paths are relative to the workspace root. */
export interface ProjectFacts {
  readonly name: string;
  readonly root: string;
  readonly kind: ProjectKind;
  /** Folder of the build. */
  readonly output: string;
  /** The build leaves a `package.json` with the project's own dependencies there. */
  readonly outputHasManifest: boolean;
  readonly packageManager: PackageManagerName;
  readonly lockfile: string | undefined;
  /** Globs of the manifests of the package manager's workspaces. */
  readonly memberManifests: readonly string[];
  /** Next: whether there is a folder `public`. */
  readonly hasPublic: boolean;
}

const lockfiles: readonly (readonly [string, PackageManagerName])[] = [
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
  ['package-lock.json', 'npm'],
];

/** Looks at the project's targets and files. */
export function readProjectFacts(
  tree: Tree,
  project: ProjectConfiguration & { readonly name: string },
  given: { readonly kind?: ProjectKind; readonly output?: string },
): ProjectFacts {
  const { name, root, targets = {} } = project;
  const kind = given.kind ?? detectKind(tree, project);
  const buildOptions = asRecord(targets['build']?.options);
  const [lockfile, manager] = lockfiles.find(([file]) => tree.exists(file)) ?? [undefined, 'npm' as const];
  const isBerry = manager === 'yarn' && tree.exists('.yarnrc.yml');
  return {
    name,
    root,
    kind,
    output: trimPath(given.output ?? declaredOutput(project) ?? defaultOutput(kind, root)),
    outputHasManifest:
      buildOptions['generatePackageJson'] === true || ['prune', 'prune-lockfile'].some((target) => target in targets),
    packageManager: isBerry ? 'berry' : manager,
    lockfile,
    memberManifests: memberManifests(tree),
    hasPublic: tree.exists(joinPathFragments(root, 'public')),
  };
}

function detectKind(tree: Tree, { root, targets = {}, projectType }: ProjectConfiguration): ProjectKind {
  const has = (...names: readonly string[]): boolean =>
    names.some((name) => tree.exists(joinPathFragments(root, name)));
  const executors = Object.values(targets).map(({ executor = '' }) => executor);
  const uses = (...prefixes: readonly string[]): boolean =>
    executors.some((executor) => prefixes.some((prefix) => executor.startsWith(prefix)));
  const manifest = asRecord(parseJsonText(tree.read(joinPathFragments(root, 'package.json'), 'utf8') ?? '{}'));
  const dependencies = asRecord(manifest['dependencies']);
  if (has('next.config.js', 'next.config.mjs', 'next.config.ts', 'next.config.cjs') || uses('@nx/next:')) return 'next';
  if (has('nest-cli.json') || uses('@nx/node:', '@nx/nest:', '@nx/js:node') || '@nestjs/core' in dependencies)
    return 'node';
  if (
    uses('@nx/angular:', '@angular-devkit/build-angular:', '@angular/build:') ||
    has('index.html', 'src/index.html')
  ) {
    return 'static';
  }
  const isServer = has('src/main.ts', 'src/main.js', 'src/main.mts', 'src/server.ts', 'src/index.ts', 'src/index.js');
  return isServer && projectType !== 'library' ? 'node' : 'empty';
}

function declaredOutput({ root, name, targets = {} }: ProjectConfiguration): string | undefined {
  const { outputPath } = asRecord(targets['build']?.options);
  const [declared] = targets['build']?.outputs ?? [];
  const chosen = typeof outputPath === 'string' ? outputPath : declared;
  if (chosen === undefined || chosen.includes('{options.')) return undefined;
  return chosen
    .replace(/^\{workspaceRoot\}\/?/, '')
    .replaceAll('{projectRoot}', root)
    .replaceAll('{projectName}', name ?? '');
}

function defaultOutput(kind: ProjectKind, root: string): string {
  if (kind === 'next') return joinPathFragments(root, '.next');
  return root === '.' ? 'dist' : joinPathFragments('dist', root);
}

function memberManifests(tree: Tree): readonly string[] {
  const { workspaces } = asRecord(parseJsonText(tree.read('package.json', 'utf8') ?? '{}'));
  const listed = Array.isArray(workspaces) ? (workspaces as unknown[]) : asRecord(workspaces)['packages'];
  const fromPnpm = [...(tree.read('pnpm-workspace.yaml', 'utf8') ?? '').matchAll(/^\s*-\s*["']?([^"'#\s]+)/gm)];
  const patterns = [...(Array.isArray(listed) ? (listed as unknown[]) : []), ...fromPnpm.map(([, pattern]) => pattern)];
  return patterns.flatMap((pattern) =>
    typeof pattern === 'string' && !pattern.startsWith('!') ? [`${trimPath(pattern)}/package.json`] : [],
  );
}

function trimPath(path: string): string {
  const clean = path.replace(/^\.?\/+|\/+$/g, '').replace(/^\.\//, '');
  return clean === '' ? '.' : clean;
}
