import { accessSync, constants, statfsSync, statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import type { Mistakes } from './mistakes';

/**
 * File systems of the kernel, by their magic numbers (statfs(2)): proc and sysfs. Nobody can make files there, and Node
 * tries for ever to make the directories above one.
 */
const kernelFileSystems: ReadonlySet<number> = new Set([0x9fa0, 0x62656572]);

/**
 * Notes a mistake unless a file or directory can be written, or made, at `path`; directories above it may be missing. It
 * is told before a build, and not after: a build takes minutes. Makes nothing.
 *
 * `either` is for places that may become a file or a directory.
 */
export function requireWritable(
  path: string,
  kind: 'file' | 'directory' | 'either',
  option: string,
  mistakes: Mistakes,
): void {
  const found = statOf(path);
  if (found !== undefined && kind !== 'either' && found.isDirectory() !== (kind === 'directory')) {
    const what = found.isDirectory() ? 'a directory' : 'a file';
    mistakes.add('OPTION_INVALID', option, `${path} is ${what}`, `it has to be the path of a ${kind}`);
    return;
  }
  // A file is replaced as a whole, which is the right of whoever may write its directory.
  const { path: above, stats } = nearestAbove(kind === 'directory' ? path : dirname(path));
  if (!stats.isDirectory()) {
    mistakes.add('OPTION_INVALID', option, `${path} cannot be made: ${above} is a file`, 'name another place');
  } else if (kernelFileSystems.has(statfsSync(above).type)) {
    mistakes.add('OPTION_INVALID', option, `${path} cannot be made: ${above} is the kernel’s`, 'name another place');
  } else if (!mayWrite(above)) {
    const hint = 'give this user the right, or name another place';
    mistakes.add('OPTION_INVALID', option, `${path} cannot be written: no right to write ${above}`, hint);
  }
}

/** `path`, or the nearest directory above it that exists. */
function nearestAbove(path: string): { readonly path: string; readonly stats: Stats } {
  for (let current = path; ; current = dirname(current)) {
    const stats = statOf(current);
    if (stats !== undefined) return { path: current, stats };
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function mayWrite(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
