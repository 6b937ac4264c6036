import { rm } from 'node:fs/promises';
import type { CallOptions } from '../../content/contract';
import type { FileTree } from '../../filetree/contract';
import { baseName, joinPaths, parentPath } from '../../filetree/paths';
import { openFileRange, streamOf } from '../../filetree/read-file';
import { resolvePath, resolvePathSync } from '../../filetree/resolve-path';
import { isCodedError } from '../../diagnostics/coded-error';
import { entryOf, safePath } from '../layers/layer-member';
import { StagingFile } from '../layers/staging-file';
import { BLOCK_BYTES } from '../../filetree/tar/tar-format';
import type { TarMember } from '../../filetree/tar/tar-header';
import { TarScanner } from '../../filetree/tar/tar-scanner';
import { newNode, type FileContent } from '../tree/file-node';
import { detectPacking, peek, startsTar, unpackStream } from './archive-stream';
import { fileError } from './file-error';
import type { ActionContext } from './make-actions';
import type { WorkTree } from './work-tree';

/** Mode of directories that an archive implies and of the one that it is unpacked into. */
const IMPLIED_MODE = 0o755;

export interface ArchiveRequest extends ActionContext {
  readonly source: FileTree;
  /** Of the file in the source; symlinks are followed. */
  readonly path: string;
  /** Directory that the archive goes into. */
  readonly destination: string;
}

/**
 * Unpacks archives for ADD. The plain tar is kept in a file until {@link dispose}, because the content of its members
 * is read only when the layer is written.
 */
export class ArchiveUnpacker {
  readonly #directory: string;
  readonly #spools: string[] = [];

  constructor(directory: string) {
    this.#directory = directory;
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#spools.splice(0).map((spool) => rm(spool, { force: true })));
  }

  /**
   * Unpacks a tar, plain or packed by gzip, bzip2, xz or zstd. False if the file is no tar, which is then to be copied
   * as it is. Throws `FILE_OPERATION_FAILED` if it begins as a tar and is a bad one.
   */
  async unpack(tree: WorkTree, request: ArchiveRequest, options: CallOptions): Promise<boolean> {
    const path = await resolvePath(request.source, request.path);
    const entry = await request.source.lookup(path);
    if (entry?.type !== 'file' || entry.size === 0) return false;
    const packed = await peek(await request.source.open(path, options), BLOCK_BYTES);
    const packing = detectPacking(packed.start);
    const plain = await peekPlain(unpackStream(packing, packed.all, path), packing !== 'none');
    if (!plain || !startsTar(plain.start)) {
      await (plain?.all ?? packed.all).return(undefined);
      return false;
    }
    const { spool, members } = await this.#spool(plain.all, path, options);
    new ArchivePlacement(tree, request, spool).place(members);
    return true;
  }

  async #spool(
    tar: AsyncIterable<Buffer>,
    path: string,
    options: CallOptions,
  ): Promise<{ readonly spool: string; readonly members: readonly TarMember[] }> {
    const members: TarMember[] = [];
    const scanner = new TarScanner((member) => members.push(member));
    const staging = await StagingFile.create(this.#directory);
    this.#spools.push(staging.path);
    try {
      for await (const chunk of tar) {
        options.signal?.throwIfAborted();
        scanner.push(chunk);
        await staging.append(chunk);
      }
      scanner.end();
      await staging.finish();
      return { spool: staging.path, members };
    } catch (error) {
      await staging.discard();
      options.signal?.throwIfAborted();
      if (isCodedError(error, 'FILE_OPERATION_FAILED')) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw fileError('bad-archive', path, `"/${path}" cannot be unpacked: ${reason}`, { cause: error });
    }
  }
}

/** What is no valid gzip after all is no archive, either. */
async function peekPlain(
  plain: AsyncIterable<Buffer>,
  isPacked: boolean,
): Promise<Awaited<ReturnType<typeof peek>> | undefined> {
  try {
    return await peek(plain, BLOCK_BYTES);
  } catch (error) {
    if (!isPacked || (isCodedError(error, 'FILE_OPERATION_FAILED') && error.detail.reason === 'tool-missing'))
      throw error;
    return undefined;
  }
}

/** Puts an archive's members into a tree, with the destination as their root. */
class ArchivePlacement {
  readonly #tree: WorkTree;
  readonly #request: ArchiveRequest;
  readonly #spool: string;
  readonly #root: string;

  constructor(tree: WorkTree, request: ArchiveRequest, spool: string) {
    this.#tree = tree;
    this.#request = request;
    this.#spool = spool;
    this.#root = tree.resolve(request.destination);
    const { owner, mtimeNs } = request;
    tree.makeDirectories(this.#root, { mode: IMPLIED_MODE, owner, mtimeNs });
  }

  place(members: readonly TarMember[]): void {
    for (const member of members) this.#place(member);
  }

  #place({ header, dataOffset }: TarMember): void {
    const inside = this.#pathOf(header.name, header.name);
    if (inside === '') return;
    const path = this.#inTree(inside);
    this.#tree.makeDirectories(parentPath(path), { mode: IMPLIED_MODE, mtimeNs: this.#request.mtimeNs });
    const present = this.#tree.lookup(path)?.meta;
    if (header.type === 'hardlink') {
      this.#link(path, this.#inTree(this.#pathOf(header.linkName, header.name)), header.name);
      return;
    }
    const entry = { ...entryOf(header, path, header.type), ...this.#request.owner };
    if (header.type === 'directory' && present?.type === 'directory') this.#tree.setMeta(path, newNode(entry).meta);
    else this.#tree.put(path, newNode(entry, new SpooledContent(this.#spool, dataOffset, header.size, path)));
  }

  #link(path: string, target: string, name: string): void {
    const node = this.#tree.lookup(target);
    if (!node || node.meta.type === 'directory' || target === path) {
      throw fileError('bad-archive', this.#request.path, `"${name}" of "/${this.#request.path}" links to no file`);
    }
    const linked = { ...node, inode: node.inode ?? `archive:${this.#spool}:${target}` };
    this.#tree.put(target, linked);
    this.#tree.put(path, linked);
  }

  #pathOf(name: string, member: string): string {
    try {
      return safePath(name, member);
    } catch (error) {
      const { path } = this.#request;
      throw fileError('outside-root', path, `"/${path}" cannot be unpacked: it has "${member}"`, { cause: error });
    }
  }

  /** Symlinks on the way are followed as if the destination were the root, which is where BuildKit changes root to. */
  #inTree(inside: string): string {
    const parent = resolvePathSync(
      (candidate) => this.#tree.lookup(joinPaths(this.#root, candidate))?.meta,
      parentPath(inside),
    );
    return joinPaths(this.#root, joinPaths(parent, baseName(inside)));
  }
}

class SpooledContent implements FileContent {
  constructor(
    private readonly file: string,
    private readonly start: number,
    private readonly size: number,
    private readonly label: string,
  ) {}

  async open(options?: CallOptions) {
    if (this.size === 0) return streamOf(Buffer.alloc(0));
    return openFileRange(this.file, { start: this.start, size: this.size, label: this.label }, options);
  }
}
