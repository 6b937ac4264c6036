import { chmodSync, lstatSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ToolPaths } from '../tools';
import { isErrno } from './errno';
import { unmountBelow } from './mount-table';

/**
 * Where the agent keeps roots: `chains/<name>` are unpacked layers, complete once they are there and never changed
 * again; `runs/<name>` belongs to one build and is removed by it, or by a later one after its death.
 */
export class Workspace {
  /** Absolute, links resolved, as the kernel lists mounts in it. */
  readonly directory: string;
  readonly #tools: ToolPaths;

  constructor(directory: string, tools: ToolPaths) {
    mkdirSync(join(directory, 'chains'), { recursive: true, mode: 0o711 });
    mkdirSync(join(directory, 'runs'), { recursive: true, mode: 0o711 });
    this.directory = realpathSync(directory);
    this.#tools = tools;
  }

  /** Relative to {@link directory}, so that mount options stay short and free of characters that they would split at. */
  static chain(name: string): string {
    return `chains/${name}`;
  }

  run(name: string): string {
    return join(this.directory, 'runs', name);
  }

  chainPath(name: string): string {
    return join(this.directory, Workspace.chain(name));
  }

  hasChain(name: string): boolean {
    return lstatSync(this.chainPath(name), { throwIfNoEntry: false })?.isDirectory() === true;
  }

  /** Makes `source` the chain, unless another process was faster. */
  publish(source: string, name: string): void {
    try {
      renameSync(source, this.chainPath(name));
    } catch (error) {
      if (!isErrno(error, 'EEXIST', 'ENOTEMPTY')) throw error;
    }
  }

  createRun(name: string): string {
    const path = this.run(name);
    mkdirSync(path, { mode: 0o700 });
    return path;
  }

  /** Detaches what is mounted in a run's directory, before its parts are kept or removed. */
  unmountRun(name: string): void {
    unmountBelow(this.#tools, this.run(name));
  }

  removeRun(name: string): void {
    this.unmountRun(name);
    removeTree(this.run(name));
  }
}

/** Removes a tree that nothing is mounted in, also below directories that forbid it to their owner. */
export function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM')) throw error;
    unlockDirectories(path);
    rmSync(path, { recursive: true, force: true });
  }
}

function unlockDirectories(path: string): void {
  chmodSync(path, 0o700);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) unlockDirectories(join(path, entry.name));
  }
}
