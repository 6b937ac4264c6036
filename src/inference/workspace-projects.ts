import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { IgnorePattern } from '../dockerfile/ignore-pattern';
import type { DeclaredTarget, WorkspaceProject } from './contract';
import { parseJsonText } from './json-text';

/**
 * The projects that `files` (all `project.json` and `package.json` of the workspace) make, by their root. A `package.json`
 * alone makes one only if the package manager's workspaces have it, as for Nx: a target for anything else would be a
 * project without a name, which breaks the graph.
 */
export function readWorkspaceProjects(
  files: readonly string[],
  workspaceRoot: string,
): ReadonlyMap<string, WorkspaceProject> {
  const read = (file: string): unknown => readJsonFile(join(workspaceRoot, file));
  const known = new Set(files);
  const isMember = workspaceMembers(workspaceRoot);
  const projects = new Map<string, WorkspaceProject>();
  for (const root of new Set(files.map((file) => posix.dirname(file)))) {
    const file = (name: string): string => posix.join(root, name);
    const hasProjectFile = known.has(file('project.json'));
    if (!hasProjectFile && !isMember(root)) continue;
    const project = hasProjectFile ? asRecord(read(file('project.json'))) : {};
    const manifest = known.has(file('package.json')) ? asRecord(read(file('package.json'))) : {};
    const nx = asRecord(manifest['nx']);
    const name = [project['name'], nx['name'], manifest['name'], hasProjectFile ? nameOf(root) : undefined].find(
      (candidate) => typeof candidate === 'string' && candidate !== '',
    );
    if (typeof name !== 'string') continue;
    const targets = { ...targetsOf(nx['targets']), ...targetsOf(project['targets']) };
    projects.set(root, { name, root, targets });
  }
  return projects;
}

/** The nearest project around a file; undefined where there is none. */
export function projectAround(
  file: string,
  projects: ReadonlyMap<string, WorkspaceProject>,
): WorkspaceProject | undefined {
  for (let directory = posix.dirname(file); ; directory = posix.dirname(directory)) {
    const project = projects.get(directory);
    if (project !== undefined || directory === '.') return project;
  }
}

/** What Nx calls a project whose `project.json` has no name. */
function nameOf(root: string): string | undefined {
  return root === '.' ? undefined : posix.basename(root).toLowerCase();
}

function targetsOf(value: unknown): Readonly<Record<string, DeclaredTarget>> {
  return Object.fromEntries(
    Object.entries(asRecord(value)).map(([name, target]) => {
      const { executor, options, outputs } = asRecord(target);
      return [name, { executor, options: asRecord(options), outputs }];
    }),
  );
}

export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}

/** Undefined where there is no such file or it is no JSON: Nx tells that itself. */
export function readJsonFile(path: string): unknown {
  const text = readTextFile(path);
  return text === undefined ? undefined : parseJsonText(text);
}

/** Undefined where there is no such file. */
export function readTextFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Whether a directory is a package of the package manager's workspaces. */
function workspaceMembers(workspaceRoot: string): (root: string) => boolean {
  const { workspaces, nx } = asRecord(readJsonFile(join(workspaceRoot, 'package.json')));
  const listed = Array.isArray(workspaces) ? (workspaces as unknown[]) : asRecord(workspaces)['packages'];
  const lerna = asRecord(readJsonFile(join(workspaceRoot, 'lerna.json')))['packages'];
  const patterns = [
    ...strings(listed),
    ...strings(lerna),
    ...pnpmPackages(readTextFile(join(workspaceRoot, 'pnpm-workspace.yaml')) ?? ''),
  ].flatMap((text) => {
    const negated = text.startsWith('!');
    const clean = posix.normalize(text.replace(/^!/, '')).replace(/^\.\/|\/+$/g, '');
    return IgnorePattern.parse(clean, negated) ?? [];
  });
  return (root) =>
    (root === '.' && Boolean(nx)) ||
    (patterns.some((p) => !p.negated && p.matches(root)) && !patterns.some((p) => p.negated && p.matches(root)));
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** The list `packages` of `pnpm-workspace.yaml`: block or flow style, quoted or plain. */
function pnpmPackages(text: string): readonly string[] {
  const [, flow, block = ''] =
    /^packages:[ \t]*(?:\[([^\]]*)\]|(?:#.*)?\r?\n((?:[ \t]*(?:-.*|#.*)?(?:\r?\n|$))*))/m.exec(text) ?? [];
  const items =
    flow === undefined ? block.split('\n').map((line) => /^\s*-(.*)$/.exec(line)?.[1] ?? '') : flow.split(',');
  return items
    .map((item) => item.trim())
    .map((item) => /^(["'])(.*?)\1/.exec(item)?.[2] ?? item.replace(/\s+#.*$/, ''))
    .filter((item) => item !== '');
}
