import { stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import type { Invocation } from './invocation';
import type { Mistakes } from './mistakes';

/** Absolute: from the workspace root, wherever Nx was called from. `~/` is the user's home directory. */
export function absolutePath(path: string, { workspaceRoot, homeDirectory }: Invocation): string {
  if (path === '~' || path.startsWith('~/')) return join(homeDirectory, path.slice(1));
  return isAbsolute(path) ? resolve(path) : resolve(workspaceRoot, path);
}

/**
 * Notes a mistake unless `path` is there and is what it should be. Pipes and devices are no files: who reads one may wait
 * for ever.
 */
export async function requirePath(
  path: string,
  kind: 'file' | 'directory',
  option: string,
  mistakes: Mistakes,
): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    mistakes.add('OPTION_FILE_NOT_FOUND', option, `there is no ${kind} ${path}`, 'paths start at the workspace root');
    return false;
  }
  if (kind === 'file' ? found.isFile() : found.isDirectory()) return true;
  mistakes.add('OPTION_FILE_NOT_FOUND', option, `${path} is not a ${kind}`);
  return false;
}
