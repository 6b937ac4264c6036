import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, utimes, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

const suffix = '.staging';
/** Bytes that are gathered before they are written. */
const FLUSH_BYTES = 1024 * 1024;
/** A staging file this old was left behind by a process that was killed. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

/**
 * A file that is written under another name and becomes visible at once, by a rename, when it is complete. Many small
 * writes are gathered into few.
 */
export class StagingFile {
  readonly path: string;
  readonly #handle: FileHandle;
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #sizeBytes = 0;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /** Makes the directory if need be. */
  static async create(directory: string): Promise<StagingFile> {
    await mkdir(directory, { recursive: true });
    const path = join(directory, `.${randomBytes(12).toString('hex')}${suffix}`);
    return new StagingFile(path, await open(path, 'wx', 0o644));
  }

  /** Bytes that went in so far. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The buffer must not change afterwards. */
  async append(bytes: Buffer): Promise<void> {
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.length;
    this.#sizeBytes += bytes.length;
    if (this.#gatheredBytes >= FLUSH_BYTES) await this.#flush();
  }

  /** Closes the file with everything in it, still under its staging name. */
  async finish(): Promise<void> {
    await this.#flush();
    await this.#handle.close();
  }

  /** Gives the finished file its name, and a modification time if need be; a file that is there already is replaced. */
  async publish(target: string, modified?: Date): Promise<void> {
    if (modified) await utimes(this.path, modified, modified);
    await rename(this.path, target);
  }

  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(this.path, { force: true });
  }

  async #flush(): Promise<void> {
    const buffers = this.#gathered;
    this.#gathered = [];
    let rest = this.#gatheredBytes;
    this.#gatheredBytes = 0;
    if (rest === 0) return;
    const { bytesWritten } = await this.#handle.writev(buffers);
    rest -= bytesWritten;
    if (rest > 0) await this.#handle.appendFile(Buffer.concat(buffers).subarray(bytesWritten));
  }
}

/** Removes staging files that killed processes left in `directory` more than a day before `nowMs`. */
export async function removeAbandoned(directory: string, nowMs: number): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter((candidate) => candidate.endsWith(suffix))) {
    const path = join(directory, name);
    const stats = await stat(path).catch(() => undefined);
    if (stats && nowMs - stats.mtimeMs > ABANDONED_MS) await rm(path, { force: true });
  }
}
