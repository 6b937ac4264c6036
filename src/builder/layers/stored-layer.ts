import { readFile, writeFile, rename, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { CodedError } from '../../diagnostics/coded-error';
import type { CallOptions } from '../../content/contract';
import { openFileRange, streamOf, WHOLE_READ_BYTES } from '../../filetree/read-file';
import type { Digest } from '../../oci/digest';
import type { LayerEntry, StoredLayer } from '../contract';
import { TarScanner } from '../../filetree/tar/tar-scanner';
import { parseIndex, serializeIndex } from './layer-index';
import { toLayerMember, type StoredMember } from './layer-member';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A layer does not have a file at that path. */
    LAYER_FILE_MISSING: { readonly diffId: Digest; readonly path: string };
  }
}

export interface LayerFiles {
  readonly tar: string;
  readonly index: string;
}

/** A layer whose tar and index are files. The index is read when it is first needed, and made anew if it is unusable. */
export class FileStoredLayer implements StoredLayer {
  readonly #files: LayerFiles;
  #members: Promise<readonly StoredMember[]> | undefined;
  #byPath: Promise<ReadonlyMap<string, StoredMember>> | undefined;

  constructor(
    readonly diffId: Digest,
    readonly sizeBytes: number,
    readonly createdAt: string,
    files: LayerFiles,
  ) {
    this.#files = files;
  }

  async members(options?: CallOptions): Promise<readonly LayerEntry[]> {
    options?.signal?.throwIfAborted();
    return (await this.#stored()).map(({ member }) => member);
  }

  async openFile(path: string, options?: CallOptions): Promise<Readable> {
    this.#byPath ??= this.#stored().then(
      (members) => new Map(members.map((stored) => [pathOf(stored.member), stored] as const)),
    );
    const byPath = await this.#byPath;
    let found = byPath.get(path);
    if (found?.member.kind === 'hardlink') found = byPath.get(found.member.target);
    if (found?.member.kind !== 'entry' || found.member.entry.type !== 'file') {
      const message = `layer ${this.diffId} has no file "${path}"`;
      throw new CodedError('LAYER_FILE_MISSING', message, { diffId: this.diffId, path });
    }
    const { size } = found.member.entry;
    if (size === 0) return streamOf(Buffer.alloc(0));
    return openFileRange(this.#files.tar, { start: found.dataOffset, size, label: path }, options);
  }

  openTar(options?: CallOptions): Promise<Readable> {
    const signal = options?.signal;
    return Promise.resolve(
      createReadStream(this.#files.tar, { highWaterMark: WHOLE_READ_BYTES, ...(signal && { signal }) }),
    );
  }

  #stored(): Promise<readonly StoredMember[]> {
    if (!this.#members) {
      this.#members = this.#load();
      this.#members.catch(() => {
        this.#members = undefined;
        this.#byPath = undefined;
      });
    }
    return this.#members;
  }

  async #load(): Promise<readonly StoredMember[]> {
    const text = await readFile(this.#files.index, 'utf8').catch(() => undefined);
    const indexed = text === undefined ? undefined : parseIndex(text, this.sizeBytes);
    if (indexed) return indexed;
    const members = await scanTar(await this.openTar());
    await writeAside(this.#files.index, serializeIndex(this.sizeBytes, members)).catch(() => undefined);
    return members;
  }
}

/** The members of a layer's tar. Throws `TAR_INVALID` or `LAYER_MEMBER_REFUSED`. */
export async function scanTar(tar: AsyncIterable<unknown>): Promise<readonly StoredMember[]> {
  const members: StoredMember[] = [];
  const scanner = memberScanner(members);
  for await (const chunk of tar) scanner.push(chunk as Buffer);
  scanner.end();
  return members;
}

/** A scanner that collects into `members`. */
export function memberScanner(members: StoredMember[]): TarScanner {
  return new TarScanner((found) => {
    const member = toLayerMember(found);
    if (member) members.push(member);
  });
}

function pathOf(member: LayerEntry): string {
  return 'entry' in member ? member.entry.path : `${member.kind}:${member.path}`;
}

/** Writes a small file so that readers see all of it or none. */
export async function writeAside(path: string, text: string): Promise<void> {
  const aside = `${path}.${randomBytes(6).toString('hex')}.staging`;
  try {
    await writeFile(aside, text, { flag: 'wx' });
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}
