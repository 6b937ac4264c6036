import { isWithin } from '../../../filetree/paths';
import type { PreparedMount } from './prepared-mount';
import { resolveInside, statInside } from './rooted-path';

export type CommandLookup = 'found' | 'not-found' | 'not-executable';

const defaultSearchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const ANY_EXECUTE_BIT = 0o111n;

export interface CommandLookupOptions {
  readonly root: string;
  readonly mounts: readonly PreparedMount[];
  /** Clean path. */
  readonly cwd: string;
  readonly env: readonly string[];
}

/**
 * Whether a command exists in the root, as `execvp` would search it, so that a wrong name gets a clear answer whatever
 * starts commands. What may lie on a mount counts as found.
 */
export function lookUpCommand(command: string, { root, mounts, cwd, env }: CommandLookupOptions): CommandLookup {
  const searchPath =
    env.findLast((variable) => variable.startsWith('PATH='))?.slice('PATH='.length) ?? defaultSearchPath;
  const candidates = command.includes('/')
    ? [command.startsWith('/') ? command : `${cwd}/${command}`]
    : searchPath
        .split(':')
        .map((directory) => `${directory.startsWith('/') ? directory : `${cwd}/${directory}`}/${command}`);
  let result: CommandLookup = 'not-found';
  for (const candidate of candidates) {
    const path = resolveInside(root, candidate);
    if (mounts.some((mount) => isWithin(mount.dest, path)) || isWithin('proc', path)) return 'found';
    const stats = statInside(root, path);
    if (stats?.isFile() !== true) continue;
    if ((stats.mode & ANY_EXECUTE_BIT) !== 0n) return 'found';
    result = 'not-executable';
  }
  return result;
}
