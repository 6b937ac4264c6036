import { randomUUID } from 'node:crypto';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CallOptions } from './contract';

/** Milliseconds after which a lock counts as left behind, whoever made it. Holders need a few. */
const staleAfterMs = 10_000;
/** Milliseconds between two attempts: a random share of this much. */
const retryDelayMs = 25;

/**
 * Runs `task` while no other process that uses `path` as its lock does. The lock is a file that is created exclusively
 * and names its owner; one whose owner is dead or that is older than {@link staleAfterMs} is removed.
 *
 * It protects against lost updates, not against torn files: `task` has to write by renaming.
 */
export async function withLockFile<T>(path: string, task: () => Promise<T>, options?: CallOptions): Promise<T> {
  const token = JSON.stringify({ pid: process.pid, host: hostname(), id: randomUUID() });
  while (!(await tryCreate(path, token))) {
    options?.signal?.throwIfAborted();
    await removeIfStale(path);
    await sleep(Math.random() * retryDelayMs, undefined, options);
  }
  try {
    return await task();
  } finally {
    // After a long pause the lock may be someone else's by now.
    if ((await readOrUndefined(path)) === token) await rm(path, { force: true });
  }
}

async function tryCreate(path: string, token: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(token).finally(() => file.close());
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Only who holds the guard removes other processes' locks, and it looks again first: without it, one process could
 * remove the lock that another has just made in place of the stale one.
 */
async function removeIfStale(path: string): Promise<void> {
  if (!(await isStale(path))) return;
  const guard = `${path}.guard`;
  if (!(await tryCreate(guard, ''))) {
    if ((await ageMs(guard)) > staleAfterMs) await rm(guard, { force: true });
    return;
  }
  try {
    if (await isStale(path)) await rm(path, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
}

async function isStale(path: string): Promise<boolean> {
  const token = await readOrUndefined(path);
  if (token === undefined) return false;
  if ((await ageMs(path)) > staleAfterMs) return true;
  // An empty token is a lock between its creation and the writing of its owner.
  const owner = parseOwner(token);
  return owner !== undefined && owner.host === hostname() && !isAlive(owner.pid);
}

function parseOwner(token: string): { readonly pid: number; readonly host: string } | undefined {
  try {
    const { pid, host } = JSON.parse(token) as { readonly pid?: unknown; readonly host?: unknown };
    return typeof pid === 'number' && typeof host === 'string' ? { pid, host } : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function readOrUndefined(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function ageMs(path: string): Promise<number> {
  try {
    return Date.now() - (await stat(path)).mtimeMs;
  } catch {
    return 0;
  }
}
