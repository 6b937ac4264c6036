import { spawnSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { BLOCK_BYTES, paddingOf } from '../../../filetree/tar/tar-format';
import type { TarMember } from '../../../filetree/tar/tar-header';
import { cleanPath, parentPath } from '../../../filetree/paths';
import type { TarExtractorOptions } from './tar-extractor';
import { resolveInside } from './rooted-path';

/** Attributes that belong to the machine that packed the layer, not to the layer. */
const machineAttribute = /^(?:security\.selinux$|trusted\.overlay\.|user\.overlay\.)/;
const warning = 'extended attributes were left out';

/**
 * Extended attributes of a layer. Node cannot set them, GNU tar can: the members that have some are put aside byte for
 * byte as they come by, and once all is extracted the host's tar goes over those again, keeping inodes.
 */
export class XattrPass {
  readonly #options: TarExtractorOptions;
  readonly #file: string;
  readonly #parents = new Set<string>();
  /** Stretches of the tar still to be copied, ascending. */
  readonly #wanted: { start: number; readonly end: number }[] = [];
  #memberStart = 0;
  #known = 0;
  #descriptor: number | undefined;
  /** The chunks since the current member's header began. */
  #recent: { readonly start: number; readonly chunk: Buffer }[] = [];

  constructor(options: TarExtractorOptions) {
    this.#options = options;
    this.#file = join(options.scratch, 'xattrs.tar');
  }

  /** Looks at a chunk that starts at `start`; `fresh` are the members whose headers ended in it. */
  keep(chunk: Buffer, start: number, fresh: readonly TarMember[]): void {
    this.#recent.push({ start, chunk });
    for (const member of fresh) {
      if (member.dataOffset <= this.#known) continue;
      this.#known = member.dataOffset;
      const { header } = member;
      const end = member.dataOffset + header.size + paddingOf(header.size);
      if (header.xattrs && [...header.xattrs.keys()].some((name) => !machineAttribute.test(name))) {
        this.#wanted.push({ start: this.#memberStart, end });
        this.#parents.add(parentPath(cleanPath(header.name)));
      }
      this.#memberStart = end;
    }
    const here = start + chunk.length;
    for (const { start: from, chunk: bytes } of this.#recent) this.#copy(bytes, from);
    while (this.#wanted[0] && this.#wanted[0].end <= here) this.#wanted.shift();
    this.#recent = this.#recent.filter((part) => part.start + part.chunk.length > Math.min(this.#memberStart, here));
  }

  /** Sets the attributes; adds to `warnings` what keeps it from doing so. */
  apply(warnings: Set<string>): void {
    if (this.#descriptor === undefined) return;
    writeSync(this.#descriptor, Buffer.alloc(2 * BLOCK_BYTES));
    this.close();
    const { root, tools } = this.#options;
    // Tar would follow a link out of the root.
    const direct = [...this.#parents].every((parent) => resolveInside(root, parent) === parent);
    if (tools.tar === undefined || !direct) {
      warnings.add(`${warning}: ${direct ? 'the program "tar" is not installed' : 'they lie behind a symbolic link'}`);
    } else {
      const args = ['-x', '--xattrs', '--xattrs-include=*', '--overwrite', '--numeric-owner', '-p', '-C', root, '-f'];
      const result = spawnSync(tools.tar, [...args, this.#file], { stdio: 'ignore' });
      if (result.status !== 0) warnings.add(`${warning}: GNU tar could not set them`);
    }
    rmSync(this.#file, { force: true });
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #copy(bytes: Buffer, from: number): void {
    for (const stretch of this.#wanted) {
      const start = Math.max(stretch.start, from);
      const end = Math.min(stretch.end, from + bytes.length);
      if (start >= end) continue;
      this.#descriptor ??= openSync(this.#file, 'wx', 0o600);
      writeSync(this.#descriptor, bytes, start - from, end - start);
      stretch.start = end;
    }
  }
}
