import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Replaces the file at `path` as a whole: readers see the old bytes or the new ones, even after a crash of the machine.
 * The bytes are written in `temporaryDirectory`, which is on the same file system, and renamed.
 */
export async function writeFileAtomically(path: string, bytes: Uint8Array, temporaryDirectory: string): Promise<void> {
  const temporary = join(temporaryDirectory, randomUUID());
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      // Without this, a crash after the rename can leave an empty file under the final name.
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
