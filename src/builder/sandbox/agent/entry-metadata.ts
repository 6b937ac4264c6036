import { chmodSync, lchownSync, lutimesSync, utimesSync } from 'node:fs';
import { isErrno } from './errno';
import { timeArgument } from './mount-points';
import { hostPath } from './rooted-path';
import type { TarHeader } from '../../../filetree/tar/tar-header';

/** What of an entry's metadata the identity that works may set. */
export interface MetadataPolicy {
  /** False where one id is all there is: then everything belongs to it. */
  readonly owners: boolean;
}

/**
 * Gives a fresh file its owner, mode and time, in the order that keeps setuid bits. False if an owner has no id in
 * this user namespace and was left as it is.
 */
export function setMetadata(path: string | Buffer, header: TarHeader, policy: MetadataPolicy): boolean {
  let ownersKept = true;
  if (policy.owners) {
    try {
      lchownSync(path, header.uid, header.gid);
    } catch (error) {
      if (!isErrno(error, 'EINVAL')) throw error;
      ownersKept = false;
    }
  }
  const time = timeArgument(header.mtimeNs);
  if (header.type === 'symlink') {
    lutimesSync(path, time, time);
  } else {
    chmodSync(path, header.mode);
    utimesSync(path, time, time);
  }
  return ownersKept;
}

/** Times of directories, which hold only once everything inside is made. */
export class DeferredDirectoryTimes {
  readonly #times = new Map<string, bigint>();

  constructor(readonly root: string) {}

  add(path: string, mtimeNs: bigint): void {
    this.#times.set(path, mtimeNs);
  }

  apply(): void {
    for (const [path, mtimeNs] of this.#times) {
      try {
        const time = timeArgument(mtimeNs);
        lutimesSync(hostPath(this.root, path), time, time);
      } catch (error) {
        // A later member replaced it.
        if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
      }
    }
  }
}
