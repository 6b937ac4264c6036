import { parsePaxRecords } from './pax-records';
import { cString, decodeHeader, decodeRawHeader, type PendingMeta, type RawHeader } from './tar-header-decoder';
import { BLOCK_BYTES, MAX_MEMBERS, MAX_META_BYTES, paddingOf, tarInvalid } from './tar-format';
import type { TarMember } from './tar-header';

const zeroBlock = Buffer.alloc(BLOCK_BYTES);

/** A meta member whose body is being collected. */
interface MetaBody {
  readonly flag: 'x' | 'L' | 'K' | 'g';
  readonly bytes: Buffer;
  filled: number;
}

/**
 * Reads the headers of a tar that is pushed through it in chunks and skips the contents: ustar, pax, GNU long names and
 * base-256 numbers. It keeps at most one header and one meta member in memory. Anything that is not well formed, that
 * is sparse, or that goes beyond the bounds of `tar-format.ts` throws `TAR_INVALID`; after that it must not be used.
 */
export class TarScanner {
  readonly #onMember: (member: TarMember) => void;
  readonly #block = Buffer.alloc(BLOCK_BYTES);
  #blockFilled = 0;
  #position = 0;
  #skip = 0;
  #meta: MetaBody | undefined;
  #pending: PendingMeta = {};
  #hasPending = false;
  #sawZeroBlock = false;
  #ended = false;
  #members = 0;

  constructor(onMember: (member: TarMember) => void) {
    this.#onMember = onMember;
  }

  push(chunk: Buffer): void {
    for (let start = 0; start < chunk.length && !this.#ended;) {
      const taken = this.#take(chunk, start);
      start += taken;
      this.#position += taken;
      if (this.#meta && this.#meta.filled === this.#meta.bytes.length) this.#finishMeta(this.#meta);
      else if (this.#blockFilled === BLOCK_BYTES) this.#finishBlock();
    }
  }

  /** Says that no bytes follow. What lies behind the end marker is not looked at. */
  end(): void {
    if (this.#ended) return;
    if (this.#skip > 0 || this.#meta || this.#blockFilled > 0) throw tarInvalid('it ends too early', this.#position);
    if (this.#hasPending) throw tarInvalid('a header is missing at the end', this.#position);
  }

  #take(chunk: Buffer, start: number): number {
    if (this.#skip > 0) {
      const skipped = Math.min(this.#skip, chunk.length - start);
      this.#skip -= skipped;
      return skipped;
    }
    const [into, filled] = this.#meta ? [this.#meta.bytes, this.#meta.filled] : [this.#block, this.#blockFilled];
    const copied = chunk.copy(into, filled, start);
    if (this.#meta) this.#meta.filled += copied;
    else this.#blockFilled += copied;
    return copied;
  }

  #finishBlock(): void {
    this.#blockFilled = 0;
    this.#header(this.#position - BLOCK_BYTES);
  }

  #header(offset: number): void {
    if (this.#block.equals(zeroBlock)) {
      if (this.#hasPending) throw tarInvalid('a header is missing at the end', offset);
      this.#ended = this.#sawZeroBlock;
      this.#sawZeroBlock = true;
      return;
    }
    if (this.#sawZeroBlock) throw tarInvalid('something follows a block of zeros', offset);
    const raw = decodeRawHeader(this.#block, offset);
    if (raw.typeFlag === 'x' || raw.typeFlag === 'g' || raw.typeFlag === 'L' || raw.typeFlag === 'K') {
      this.#beginMeta(raw.typeFlag, raw);
      return;
    }
    if (++this.#members > MAX_MEMBERS) throw tarInvalid(`more than ${MAX_MEMBERS} members`, offset);
    const header = decodeHeader(raw, this.#pending);
    this.#pending = {};
    this.#hasPending = false;
    this.#skip = header.size + paddingOf(header.size);
    this.#onMember({ header, dataOffset: this.#position });
  }

  #beginMeta(flag: MetaBody['flag'], raw: RawHeader): void {
    if (raw.size > MAX_META_BYTES) throw tarInvalid(`meta data of ${raw.size} bytes`, raw.offset);
    const meta = { flag, bytes: Buffer.alloc(raw.size), filled: 0 };
    if (raw.size === 0) this.#finishMeta(meta);
    else this.#meta = meta;
  }

  #finishMeta({ flag, bytes }: MetaBody): void {
    this.#meta = undefined;
    this.#skip = paddingOf(bytes.length);
    switch (flag) {
      case 'g':
        // Container runtimes ignore global headers; honouring them would show us another tree than theirs.
        return;
      case 'L':
        this.#pending = { ...this.#pending, gnuName: cString(bytes) };
        break;
      case 'K':
        this.#pending = { ...this.#pending, gnuLinkName: cString(bytes) };
        break;
      case 'x': {
        const pax = parsePaxRecords(bytes);
        if (!pax) throw tarInvalid('malformed pax header', this.#position);
        this.#pending = { ...this.#pending, pax };
      }
    }
    this.#hasPending = true;
  }
}
