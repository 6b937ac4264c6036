import { spawnSync } from 'node:child_process';
import { rm } from 'node:fs/promises';

/**
 * Removes a directory, if it is there. Where RUN steps of an ordinary user ran with subordinate ids, files of theirs are
 * in the way, which only that user's namespace may remove.
 */
export async function removeTree(directory) {
  try {
    await rm(directory, { recursive: true, force: true });
  } catch (error) {
    if (!['EACCES', 'EPERM'].includes(error.code)) throw error;
    spawnSync('unshare', ['--user', '--map-root-user', '--map-auto', 'rm', '-rf', '--', directory], {
      stdio: 'ignore',
    });
    await rm(directory, { recursive: true, force: true });
  }
}
