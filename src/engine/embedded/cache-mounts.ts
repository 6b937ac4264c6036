import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CallOptions } from '../../content/contract';
import { withLockFile } from '../../content/directory-lock';
import type { MountSharing } from '../../dockerfile/ast';
import { digestOf, hexOf } from '../../oci/digest';

/** Milliseconds between two looks at a cache directory that another build holds. */
const pollIntervalMs = 100;

export interface CacheMountRequest {
  readonly id: string;
  readonly sharing: MountSharing;
  /** Name of the file system that a new directory starts from, as part of its identity (BuildKit does the same). */
  readonly baseId?: string;
  /** Fills a new directory. It runs aside: a half-filled directory is never used. */
  readonly populate?: (directory: string) => Promise<void>;
}

export interface AcquiredCacheMount {
  readonly directory: string;
  release(): Promise<void>;
}

/**
 * The directories behind `RUN --mount=type=cache`: kept between builds below one directory, shared by processes.
 * `locked` waits for whoever holds it, `private` takes another directory instead, `shared` takes no lock.
 */
export class CacheMounts {
  constructor(private readonly directory: string) {}

  async acquire(request: CacheMountRequest, options: CallOptions = {}): Promise<AcquiredCacheMount> {
    const key = hexOf(digestOf(JSON.stringify([request.id, request.baseId ?? null])));
    await mkdir(this.directory, { recursive: true });
    for (let slot = 0; ;) {
      const directory = join(this.directory, `${key}-${slot}`);
      const release = await this.#take(directory, request.sharing, options);
      if (release) {
        await this.#ensure(directory, request, options).catch(async (error: unknown) => {
          await release();
          throw error;
        });
        return { directory, release };
      }
      if (request.sharing === 'private') slot++;
      else await sleep(pollIntervalMs, undefined, options);
    }
  }

  /** Undefined if someone alive holds it. */
  async #take(
    directory: string,
    sharing: MountSharing,
    options: CallOptions,
  ): Promise<(() => Promise<void>) | undefined> {
    if (sharing === 'shared') return () => Promise.resolve();
    const owner = `${directory}.owner`;
    const taken = await withLockFile(
      `${directory}.lock`,
      async () => {
        if (await isHeld(owner)) return false;
        const file = await open(owner, 'w');
        await file.writeFile(String(process.pid)).finally(() => file.close());
        return true;
      },
      options,
    );
    return taken ? () => rm(owner, { force: true }) : undefined;
  }

  async #ensure(directory: string, request: CacheMountRequest, options: CallOptions): Promise<void> {
    await withLockFile(
      `${directory}.make`,
      async () => {
        if (await isDirectory(directory)) return;
        const aside = `${directory}.new`;
        await rm(aside, { recursive: true, force: true });
        await mkdir(aside, { recursive: true, mode: 0o755 });
        await request.populate?.(aside);
        await rename(aside, directory);
      },
      options,
    );
  }
}

async function isHeld(owner: string): Promise<boolean> {
  const text = await readFile(owner, 'utf8').catch(() => '');
  const pid = Number(text);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function isDirectory(path: string): Promise<boolean> {
  const handle = await open(path, 'r').catch(() => undefined);
  await handle?.close();
  return handle !== undefined;
}
