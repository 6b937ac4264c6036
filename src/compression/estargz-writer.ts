import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { isCodedError } from '../diagnostics/coded-error';
import { paddingOf } from '../filetree/tar/tar-format';
import type { TarHeader, TarMember } from '../filetree/tar/tar-header';
import { encodeHeader, endOfTar } from '../filetree/tar/tar-header-encoder';
import { TarScanner } from '../filetree/tar/tar-scanner';
import { digestOf, finishDigest, type Digest } from '../oci/digest';
import type { BlockEncoder } from './block-encoder';
import { ChunkedFile } from './chunked-file';
import { unsupportedTar } from './compression-errors';
import type { CompressionSummary } from './contract';
import { formatFooter } from './estargz-footer';
import { estargzAnnotations, serializeToc, tocEntryOf, tocName, type TocEntry } from './estargz-toc';
import type { GzipMembers } from './gzip-members';
import type { OrderedBlocks } from './ordered-blocks';

/** Bytes of a table of contents: about a million files. It has to be in memory, here and wherever it is read. */
const maxTocBytes = 256 * 1024 * 1024;

const emptyDigest = digestOf('');

const tocHeader: TarHeader = {
  name: tocName,
  type: 'file',
  mode: 0,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeNs: 0n,
  linkName: '',
  devMajor: 0,
  devMinor: 0,
};

/**
 * A tar as estargz: every byte of it as it is, cut into gzip members so that each file's content starts one, and behind
 * it a second tar with the table of contents. This is what BuildKit writes ("lossless"): up to the table of contents
 * the blob decompresses to the layer's tar, and as a whole to the tar whose digest its annotation names.
 */
export class EstargzWriter implements BlockEncoder {
  readonly #members: GzipMembers;
  readonly #blocks: OrderedBlocks;
  readonly #scanner = new TarScanner((member) => this.#found.push(member));
  readonly #entries: TocEntry[] = [];
  readonly #contentHash = createHash('sha256');
  #contentBytes = 0;
  /** Members whose headers are read but whose content is not reached yet. */
  #found: TarMember[] = [];
  #position = 0;
  /** The file whose content passes by. */
  #file: ChunkedFile | undefined;

  constructor(options: { readonly members: GzipMembers; readonly blocks: OrderedBlocks }) {
    this.#members = options.members;
    this.#blocks = options.blocks;
  }

  async write(data: Buffer): Promise<void> {
    this.#scan(() => this.#scanner.push(data));
    for (let rest = data; rest.byteLength > 0;) {
      const piece = rest.subarray(0, this.#bytesToBoundary());
      await this.#append(piece);
      this.#position += piece.byteLength;
      if (this.#file !== undefined) await this.#passContent(this.#file, piece);
      await this.#enterMembers();
      rest = rest.subarray(piece.byteLength);
    }
  }

  async end(): Promise<CompressionSummary> {
    this.#scan(() => this.#scanner.end());
    await this.#members.end();
    const tocOffset = this.#blocks.writtenBytes;
    const tocDigest = await this.#writeToc();
    this.#blocks.append(formatFooter(tocOffset));
    return {
      annotations: {
        [estargzAnnotations.tocDigest]: tocDigest,
        [estargzAnnotations.uncompressedSize]: String(this.#contentBytes),
        [estargzAnnotations.diffId]: finishDigest(this.#contentHash),
      },
    };
  }

  #scan(step: () => void): void {
    try {
      step();
    } catch (error) {
      throw isCodedError(error, 'TAR_INVALID') ? unsupportedTar(error.message, error) : error;
    }
  }

  /** Bytes up to the next place where a gzip member has to start or a chunk ends. */
  #bytesToBoundary(): number {
    if (this.#file !== undefined) return this.#file.chunkRest;
    const [next] = this.#found;
    return next === undefined ? Infinity : next.dataOffset - this.#position;
  }

  async #append(data: Buffer): Promise<void> {
    this.#contentHash.update(data);
    this.#contentBytes += data.byteLength;
    await this.#members.write(data);
  }

  /** Lists the members whose headers have gone out, up to one with content. */
  async #enterMembers(): Promise<void> {
    while (this.#file === undefined && this.#found[0]?.dataOffset === this.#position) {
      const { header } = this.#found.shift() as TarMember;
      if (posix.resolve('/', header.name) === `/${tocName}`) throw unsupportedTar(`it has a file named ${tocName}`);
      const entry = tocEntryOf(header);
      if (header.size > 0) {
        this.#file = new ChunkedFile(entry, header.size);
        await this.#openChunk(this.#file);
      } else {
        this.#entries.push(header.type === 'file' ? { ...entry, digest: emptyDigest } : entry);
      }
    }
  }

  async #openChunk({ chunk }: ChunkedFile): Promise<void> {
    this.#entries.push(chunk);
    await this.#members.open((offset) => (chunk.offset = offset));
  }

  async #passContent(file: ChunkedFile, piece: Buffer): Promise<void> {
    file.pass(piece);
    if (file.chunkRest > 0) return;
    if (file.nextChunk()) await this.#openChunk(file);
    else this.#file = undefined;
  }

  async #writeToc(): Promise<Digest> {
    const pieces = serializeToc(this.#entries);
    const size = pieces.reduce((total, piece) => total + piece.byteLength, 0);
    if (size > maxTocBytes) throw unsupportedTar(`its table of contents would have ${size} bytes`);
    const hash = createHash('sha256');
    await this.#append(encodeHeader({ ...tocHeader, size }));
    for (const piece of pieces) {
      hash.update(piece);
      await this.#append(piece);
    }
    await this.#append(Buffer.concat([Buffer.alloc(paddingOf(size)), endOfTar]));
    await this.#members.end();
    return finishDigest(hash);
  }
}
