import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Digest } from '../oci/digest';
import { moveIntoPlace, removeFile, usedFileSize, writeFileAtomically } from './files';
import type { StorageLayout } from './layout';

/** Blobs: bytes are stored once for all repositories, and each repository links those that it has. */
export class BlobStorage {
  constructor(private readonly layout: StorageLayout) {}

  /** Bytes of a blob that the repository has; undefined if it has it not. Whoever asks may count on it for hours. */
  async size(repository: string, digest: Digest): Promise<number | undefined> {
    if ((await usedFileSize(this.layout.blobLink(repository, digest))) === undefined) return undefined;
    return usedFileSize(this.layout.blob(digest));
  }

  /** Bytes from `start` to `end`, both inclusive. The caller has asked for the size before. */
  read(digest: Digest, range?: { readonly start: number; readonly end: number }): Readable {
    return createReadStream(this.layout.blob(digest), { ...range, highWaterMark: readChunkBytes });
  }

  /** Takes over a file whose digest has been checked and gives it to the repository. */
  async adopt(repository: string, digest: Digest, file: string): Promise<void> {
    await usedFileSize(file);
    await moveIntoPlace(file, this.layout.blob(digest));
    await this.link(repository, digest);
  }

  /** Gives a blob of one repository to another; false if the first has it not. */
  async mount(digest: Digest, from: string, to: string): Promise<boolean> {
    if ((await this.size(from, digest)) === undefined) return false;
    await this.link(to, digest);
    // Between the two, the bytes may have gone with the last repository that had them.
    if ((await this.size(to, digest)) !== undefined) return true;
    await this.unlink(to, digest);
    return false;
  }

  /** Takes the blob from the repository; its bytes stay for others. Whether it was there. */
  async unlink(repository: string, digest: Digest): Promise<boolean> {
    return removeFile(this.layout.blobLink(repository, digest));
  }

  private async link(repository: string, digest: Digest): Promise<void> {
    await writeFileAtomically(this.layout.temporary, this.layout.blobLink(repository, digest), '');
  }
}

/** Bytes read from disk at a time: larger than Node's default, since layers are read from start to end. */
const readChunkBytes = 256 * 1024;
