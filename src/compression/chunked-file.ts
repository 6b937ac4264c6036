import { createHash, type Hash } from 'node:crypto';
import { finishDigest } from '../oci/digest';
import type { TocEntry } from './estargz-toc';

/** Bytes of a file that are one gzip member, to be read without the rest of the layer (stargz-snapshotter's default). */
export const chunkBytes = 4 * 1024 * 1024;

/** Follows the content of a file through its chunks and fills in the digests of its lines. */
export class ChunkedFile {
  readonly #name: string;
  readonly #size: number;
  readonly #first: TocEntry;
  /** Of a file in one chunk, the chunk's digest is the file's. */
  readonly #fileHash: Hash | undefined;
  #chunkHash = createHash('sha256');
  #chunk: TocEntry;
  #chunkRest: number;
  #passedBytes = 0;

  /** `entry` is the line of a file that is not empty. */
  constructor(entry: TocEntry, size: number) {
    this.#name = entry.name;
    this.#size = size;
    this.#first = { ...entry, ...chunkSizeOf(size) };
    this.#fileHash = size > chunkBytes ? createHash('sha256') : undefined;
    this.#chunk = this.#first;
    this.#chunkRest = Math.min(chunkBytes, size);
  }

  /** The line of the chunk whose content comes next. */
  get chunk(): TocEntry {
    return this.#chunk;
  }

  /** Bytes that the chunk still lacks. */
  get chunkRest(): number {
    return this.#chunkRest;
  }

  /** Takes in content, at most {@link chunkRest} of it. */
  pass(piece: Buffer): void {
    this.#chunkRest -= piece.byteLength;
    this.#passedBytes += piece.byteLength;
    this.#chunkHash.update(piece);
    this.#fileHash?.update(piece);
  }

  /** To be called when a chunk is complete: goes on to the next one; false if that was the last. */
  nextChunk(): boolean {
    const chunkDigest = finishDigest(this.#chunkHash);
    this.#chunk.chunkDigest = chunkDigest;
    const rest = this.#size - this.#passedBytes;
    if (rest === 0) {
      this.#first.digest = this.#fileHash === undefined ? chunkDigest : finishDigest(this.#fileHash);
      return false;
    }
    this.#chunk = { name: this.#name, type: 'chunk', chunkOffset: this.#passedBytes, ...chunkSizeOf(rest) };
    this.#chunkRest = Math.min(chunkBytes, rest);
    this.#chunkHash = createHash('sha256');
    return true;
  }
}

/** The size of a chunk with `rest` bytes of the file in it and behind it; the last one goes to the file's end. */
function chunkSizeOf(rest: number): { readonly chunkSize?: number } {
  return rest > chunkBytes ? { chunkSize: chunkBytes } : {};
}
