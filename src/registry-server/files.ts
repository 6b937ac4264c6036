import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Whether `error` says that a file or directory is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

/** `read`'s value, or undefined where the file that it reads is not there. */
export async function ifPresent<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Bytes of a regular file, or undefined where there is none. */
export async function fileSize(path: string): Promise<number | undefined> {
  const found = await ifPresent(stat(path));
  return found?.isFile() === true ? found.size : undefined;
}

/** A file that was not used for so long may be taken for garbage; see {@link usedFileSize}. */
export const garbageGraceMs = 24 * 60 * 60 * 1000;

/**
 * {@link fileSize} for whoever counts on the file from now on. Its modification time says when it was last used, so a
 * collection of garbage, in whatever process, leaves it alone for at least half of {@link garbageGraceMs}. If a
 * collection takes it away at the same moment, it is not there.
 */
export async function usedFileSize(path: string): Promise<number | undefined> {
  const found = await ifPresent(stat(path));
  if (found?.isFile() !== true) return undefined;
  const now = Date.now();
  if (now - found.mtimeMs < garbageGraceMs / 2) return found.size;
  const time = new Date(now);
  try {
    return await ifPresent(utimes(path, time, time).then(() => found.size));
  } catch (error) {
    // A file of another user, which this process could not remove either.
    if (error instanceof Error && 'code' in error && error.code === 'EPERM') return found.size;
    throw error;
  }
}

export async function readTextIfPresent(path: string): Promise<string | undefined> {
  return ifPresent(readFile(path, 'utf8'));
}

/** Names in a directory, unsorted; empty where there is none. */
export async function listDirectory(path: string): Promise<readonly string[]> {
  return (await ifPresent(readdir(path))) ?? [];
}

/** Moves a finished file into place, making the folder if need be. Whoever looks sees all of it or nothing. */
export async function moveIntoPlace(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await rename(from, to);
}

/** Writes a file that readers see complete or not at all. `temporary` is a folder of the same file system. */
export async function writeFileAtomically(temporary: string, path: string, data: string | Uint8Array): Promise<void> {
  const draft = join(temporary, randomUUID());
  await mkdir(temporary, { recursive: true });
  try {
    await writeFile(draft, data, { flag: 'wx' });
    await moveIntoPlace(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Removes a file; whether it was there. */
export async function removeFile(path: string): Promise<boolean> {
  return (await ifPresent(rm(path).then(() => true))) ?? false;
}
