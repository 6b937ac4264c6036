import { lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ToolPaths } from '../tools';
import type { AgentIdentity, Trial } from './protocol';
import { requireTool, runHostCommands } from './host-command';

/**
 * Features of overlayfs that a distribution may have switched on and that would make an upper directory unreadable
 * without its mount: renamed directories and copied-up metadata would be references into lower layers. `volatile`
 * (Linux 5.10) saves the syncs that package managers ask for; a root that is lost with the machine is built again.
 */
const rootOptions = [
  'volatile,redirect_dir=off,metacopy=off,index=off',
  'redirect_dir=off,metacopy=off,index=off',
  'redirect_dir=off',
];
/** A user namespace cannot write `trusted.*` attributes (Linux 5.11). */
const userOptions = ['userxattr,volatile', 'userxattr'];

export interface OverlayProbe {
  readonly options: string | undefined;
  readonly trial: Trial;
}

/** Tries in `directory`, which is emptied again, which overlay options work for mounting, writing and deleting. */
export function probeOverlay(tools: ToolPaths, identity: AgentIdentity, directory: string): OverlayProbe {
  const what = 'overlay file system';
  if (identity === 'plain') return { options: undefined, trial: { what, reason: 'mounting is not permitted' } };
  let reason = '';
  for (const [index, options] of (identity === 'root' ? rootOptions : userOptions).entries()) {
    try {
      tryOverlay(tools, join(directory, `overlay-${index}`), options);
      return { options, trial: { what } };
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
  }
  return { options: undefined, trial: { what, reason } };
}

function tryOverlay(tools: ToolPaths, directory: string, options: string): void {
  for (const name of ['lower/sub', 'upper', 'work', 'root']) mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(join(directory, 'lower/gone'), '');
  writeFileSync(join(directory, 'lower/sub/hidden'), '');
  const data = `${options},lowerdir=lower,upperdir=upper,workdir=work`;
  const root = join(directory, 'root');
  runHostCommands(tools, [[requireTool(tools, 'mount'), '-t', 'overlay', 'overlay', '-o', data, 'root']], {
    cwd: directory,
  });
  try {
    rmSync(join(root, 'gone'));
    rmSync(join(root, 'sub'), { recursive: true });
    mkdirSync(join(root, 'sub'));
    const whiteout = lstatSync(join(directory, 'upper/gone'));
    if (!whiteout.isCharacterDevice() || whiteout.rdev !== 0) throw new Error('deletions leave no whiteout device');
    if (readdirSync(join(root, 'sub')).length > 0) throw new Error('opaque directories do not work');
  } finally {
    runHostCommands(tools, [[requireTool(tools, 'umount'), '-l', root]]);
  }
}
