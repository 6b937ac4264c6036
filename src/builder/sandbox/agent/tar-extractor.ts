import { closeSync, linkSync, lstatSync, mkdirSync, openSync, symlinkSync, writeSync } from 'node:fs';
import { TarScanner } from '../../../filetree/tar/tar-scanner';
import type { TarHeader, TarMember } from '../../../filetree/tar/tar-header';
import { baseName, joinPaths, parentPath } from '../../../filetree/paths';
import type { FileEntry } from '../../../filetree/contract';
import { toLayerMember } from '../../layers/layer-member';
import { encodePathBytes } from '../../../filetree/path-bytes';
import type { ToolPaths } from '../tools';
import { DeferredDirectoryTimes, setMetadata, type MetadataPolicy } from './entry-metadata';
import { makeSpecialFile } from './special-file';
import { hostPath, listInside, removeInside, resolveInside, statInside } from './rooted-path';
import { XattrPass } from './xattr-pass';

export interface TarExtractorOptions {
  /** The tree to change, in a form where deleting hides: an overlay's merged view, or a copy. */
  readonly root: string;
  /** A directory for its own temporary files. */
  readonly scratch: string;
  readonly tools: ToolPaths;
  readonly policy: MetadataPolicy;
}

/**
 * Applies a layer's tar to a root as OCI's layer.md says, in the order of its members: whiteouts delete, the rest is
 * made with owner, mode, time and links. The tar comes in chunks; contents go straight to their files. Directories on
 * the way of a member are made if they are missing and followed if they are links, always inside the root. The caller
 * has verified the tar; nobody else may change the tree meanwhile.
 */
export class TarExtractor {
  readonly #options: TarExtractorOptions;
  readonly #scanner = new TarScanner((member) => this.#queue.push(member));
  readonly #queue: TarMember[] = [];
  readonly #times: DeferredDirectoryTimes;
  readonly #xattrs: XattrPass;
  readonly #made = new Set<string>();
  readonly #warnings = new Set<string>();
  #position = 0;
  #open: { readonly member: TarMember; readonly path: string; readonly descriptor: number } | undefined;
  #lastParent: { readonly path: string; readonly resolved: string } | undefined;

  constructor(options: TarExtractorOptions) {
    this.#options = options;
    this.#times = new DeferredDirectoryTimes(options.root);
    this.#xattrs = new XattrPass(options);
  }

  push(chunk: Buffer): void {
    const start = this.#position;
    this.#scanner.push(chunk);
    this.#position += chunk.length;
    this.#xattrs.keep(chunk, start, this.#queue);
    if (this.#open) this.#continueFile(chunk, start);
    while (!this.#open && this.#queue.length > 0) {
      const member = this.#queue.shift();
      if (member) this.#begin(member, chunk, start);
    }
  }

  /** Finishes the layer; gives one text per kind of thing that could not be kept. */
  end(): readonly string[] {
    this.#scanner.end();
    this.#xattrs.apply(this.#warnings);
    this.#times.apply();
    return [...this.#warnings];
  }

  /** Gives up: closes what is open. */
  abort(): void {
    if (this.#open) closeSync(this.#open.descriptor);
    this.#open = undefined;
    this.#xattrs.close();
  }

  #begin(member: TarMember, chunk: Buffer, start: number): void {
    const stored = toLayerMember(member);
    if (!stored) return;
    const entry = stored.member;
    if (entry.kind === 'whiteout' || entry.kind === 'opaque') {
      this.#hide(entry);
      return;
    }
    const path = joinPaths(this.#resolveParent(parentPath(entry.entry.path)), baseName(entry.entry.path));
    this.#made.add(path);
    if (entry.kind === 'hardlink') this.#link(member.header, entry.target, path);
    else if (entry.entry.type === 'file') this.#beginFile(member, path, chunk, start);
    else if (this.#make(entry.entry, path)) this.#finish(member.header, path);
  }

  #beginFile(member: TarMember, path: string, chunk: Buffer, start: number): void {
    this.#clear(path);
    const descriptor = openSync(hostPath(this.#options.root, path), 'wx', 0o600);
    this.#open = { member, path, descriptor };
    this.#continueFile(chunk, start);
  }

  #continueFile(chunk: Buffer, start: number): void {
    if (!this.#open) return;
    const { member, path, descriptor } = this.#open;
    const contentEnd = member.dataOffset + member.header.size;
    const from = Math.max(member.dataOffset, start) - start;
    const to = Math.min(contentEnd, start + chunk.length) - start;
    for (let at = from; at < to;) at += writeSync(descriptor, chunk, at, to - at);
    if (contentEnd > start + chunk.length) return;
    this.#open = undefined;
    closeSync(descriptor);
    this.#finish(member.header, path);
  }

  /** Makes what is neither file nor hard link; false if there is nothing to finish. */
  #make(entry: FileEntry, path: string): boolean {
    const { root, tools } = this.#options;
    const target = hostPath(root, path);
    switch (entry.type) {
      case 'directory':
        if (statInside(root, path)?.isDirectory() === true) return true;
        this.#clear(path);
        mkdirSync(target, { mode: 0o700 });
        return true;
      case 'symlink':
        this.#clear(path);
        this.#lastParent = undefined;
        symlinkSync(encodePathBytes(entry.linkTarget ?? ''), target);
        return true;
      default: {
        this.#clear(path);
        const problem = makeSpecialFile(tools, entry, target);
        if (problem !== undefined) this.#warnings.add(problem);
        return problem === undefined;
      }
    }
  }

  /** What a link's header says goes for all names of the file. */
  #link(header: TarHeader, target: string, path: string): void {
    const { root } = this.#options;
    const source = joinPaths(resolveInside(root, parentPath(target)), baseName(target));
    if (source === path) return;
    this.#clear(path);
    linkSync(hostPath(root, source), hostPath(root, path));
    if (statInside(root, path)?.isFile() === true) this.#finish(header, path);
  }

  #finish(header: TarHeader, path: string): void {
    const { root, policy } = this.#options;
    if (!setMetadata(hostPath(root, path), header, policy)) {
      this.#warnings.add('some owners are outside the range of subordinate ids and became root');
    }
    if (header.type === 'directory') this.#times.add(path, header.mtimeNs);
  }

  /** Whiteouts hide what lower layers have, never what the same layer brings, whichever comes first. */
  #hide(marker: { readonly kind: 'whiteout' | 'opaque'; readonly path: string }): void {
    const { root } = this.#options;
    if (marker.kind === 'whiteout') {
      const path = joinPaths(this.#resolveParent(parentPath(marker.path)), baseName(marker.path));
      this.#removeLower(path);
      return;
    }
    const directory = this.#resolveParent(marker.path);
    for (const name of listInside(root, directory)) this.#removeLower(joinPaths(directory, name));
  }

  #removeLower(path: string): void {
    const { root } = this.#options;
    const stats = statInside(root, path);
    if (!stats) return;
    if (!this.#made.has(path)) this.#remove(path);
    else if (stats.isDirectory()) {
      for (const name of listInside(root, path)) this.#removeLower(joinPaths(path, name));
    }
  }

  /** Makes way at `path`. */
  #clear(path: string): void {
    if (statInside(this.#options.root, path)) this.#remove(path);
  }

  #remove(path: string): void {
    this.#lastParent = undefined;
    if (statInside(this.#options.root, path)) removeInside(this.#options.root, path);
  }

  #resolveParent(directory: string): string {
    if (this.#lastParent?.path === directory) return this.#lastParent.resolved;
    const { root } = this.#options;
    const resolved = resolveInside(root, directory);
    const missing: string[] = [];
    for (let path = resolved; !statInside(root, path); path = parentPath(path)) missing.unshift(path);
    for (const path of missing) mkdirSync(hostPath(root, path), { mode: 0o755 });
    if (!lstatSync(hostPath(root, resolved)).isDirectory()) {
      this.#clear(resolved);
      mkdirSync(hostPath(root, resolved), { mode: 0o755 });
    }
    this.#lastParent = { path: directory, resolved };
    return resolved;
  }
}
