import { chmodSync, lchownSync, lstatSync, mkdirSync, utimesSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { ToolPaths } from '../tools';
import type { LowerChains } from './protocol';
import { requireTool, runHostCommands, type HostCommand } from './host-command';
import { timeArgument } from './mount-points';
import { restrictiveFlags } from './mount-table';
import { Workspace } from './workspace';

/** A root that can be written to, on top of chains that stay as they are. */
export interface RootView {
  /** The merged tree. */
  readonly root: string;
  /** Where changes collect: the upper directory of the overlay, or the copy itself. */
  readonly upper: string;
  /** The tree as it was before, read-only; undefined for copies and for an empty root. */
  readonly base: string | undefined;
}

export interface RootViewOptions {
  readonly workspace: Workspace;
  readonly tools: ToolPaths;
  /** Undefined where trees are copied. */
  readonly overlayOptions: string | undefined;
  readonly mayMount: boolean;
}

/**
 * Makes a writable root in `directory` (which exists and is empty). Device nodes in it do not work: a step may make
 * some, and no cgroup keeps it from the machine's disks.
 */
export function createRootView(options: RootViewOptions, directory: string, lowers: LowerChains): RootView {
  const upper = join(directory, 'upper');
  mkdirSync(upper, { mode: 0o755 });
  const top = lowers[0];
  if (top === undefined || options.overlayOptions === undefined) {
    if (top !== undefined) copyTree(options.tools, options.workspace.chainPath(top), upper);
    if (options.mayMount) {
      const mount = requireTool(options.tools, 'mount');
      runHostCommands(options.tools, [
        [mount, '--bind', '-o', ['nodev', ...restrictiveFlags(upper)].join(), upper, upper],
      ]);
    }
    return { root: upper, upper, base: undefined };
  }
  // An overlay's root looks as its upper directory does.
  copyDirectoryMetadata(options.workspace.chainPath(top), upper);
  const root = join(directory, 'root');
  const work = join(directory, 'work');
  mkdirSync(root);
  mkdirSync(work);
  const within = (path: string): string => relative(options.workspace.directory, path);
  const data = `nodev,${options.overlayOptions},lowerdir=${lowerList(lowers)},upperdir=${within(upper)},workdir=${within(work)}`;
  const commands = [overlayMount(options.tools, data, within(root))];
  let base = options.workspace.chainPath(top);
  if (lowers.length > 1) {
    base = join(directory, 'base');
    mkdirSync(base);
    commands.push(readOnlyMount(options, lowers, within(base)));
  }
  runHostCommands(options.tools, commands, { cwd: options.workspace.directory });
  return { root, upper, base };
}

/** A root nobody may write to, as a path; `directory` is used if something has to be mounted. */
export function createReadOnlyView(
  options: RootViewOptions,
  directory: string,
  lowers: LowerChains,
): Pick<RootView, 'root'> {
  const top = lowers[0];
  mkdirSync(directory, { recursive: true });
  if (top === undefined) return { root: directory };
  if (lowers.length === 1 || options.overlayOptions === undefined) {
    return { root: options.workspace.chainPath(top) };
  }
  const command = readOnlyMount(options, lowers, relative(options.workspace.directory, directory));
  runHostCommands(options.tools, [command], { cwd: options.workspace.directory });
  return { root: directory };
}

/** Copies a tree with owners, modes, times, links and, where `cp` can, attributes; shares blocks where disks can. */
export function copyTree(tools: ToolPaths, from: string, to: string): void {
  runHostCommands(tools, [[requireTool(tools, 'cp'), '-a', `${from}/.`, to]]);
}

/** Overlay options for views that are only read: whatever concerns the upper directory left out. */
function readOnlyMount(options: RootViewOptions, lowers: LowerChains, target: string): HostCommand {
  const flags = (options.overlayOptions ?? '').split(',').filter((option) => option === 'userxattr');
  return overlayMount(options.tools, [...flags, `lowerdir=${lowerList(lowers)}`].join(','), target);
}

function lowerList(lowers: LowerChains): string {
  return lowers.map((name) => Workspace.chain(name)).join(':');
}

function overlayMount(tools: ToolPaths, data: string, target: string): HostCommand {
  return [requireTool(tools, 'mount'), '-t', 'overlay', 'overlay', '-o', data, target];
}

function copyDirectoryMetadata(from: string, to: string): void {
  const stats = lstatSync(from, { bigint: true });
  lchownSync(to, Number(stats.uid), Number(stats.gid));
  chmodSync(to, Number(stats.mode & 0o7777n));
  utimesSync(to, timeArgument(stats.atimeNs), timeArgument(stats.mtimeNs));
}
