import { corruptData } from './compression-errors';
import { isSkippableMagic, isZstdMagic } from './detect-format';

/** The largest window that is decoded: what `zstd -d` accepts unless told otherwise. */
const maxWindowBytes = 128 * 1024 * 1024;
const checksumBytes = 4;

/** A field of the format that is read whole, with its size. */
interface Field {
  readonly kind: 'magic' | 'skippable-size' | 'descriptor' | 'header' | 'block-header';
  readonly bytes: number;
}

const magic: Field = { kind: 'magic', bytes: 4 };
const skippableSize: Field = { kind: 'skippable-size', bytes: 4 };
const descriptor: Field = { kind: 'descriptor', bytes: 1 };
const blockHeader: Field = { kind: 'block-header', bytes: 3 };

/** What a frame's header says about the rest of the frame. */
interface FrameShape {
  readonly singleSegment: boolean;
  readonly dictionaryIdBytes: number;
  readonly contentSizeBytes: number;
  readonly hasChecksum: boolean;
}

/**
 * Follows the structure of zstd data (RFC 8878, section 3.1) without decoding it. Decoders differ in what they make of
 * data that is cut off, of garbage behind a frame and of huge windows; this refuses all of them the same way.
 */
export class ZstdFrameScanner {
  #field: Field = magic;
  readonly #gathered = Buffer.alloc(16);
  #gatheredBytes = 0;
  #skipBytes = 0;
  #frame: FrameShape | undefined;

  /** @throws CodedError `COMPRESSED_DATA_CORRUPT` as soon as the bytes cannot be zstd any more. */
  push(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.byteLength) {
      if (this.#skipBytes > 0) {
        const skipped = Math.min(this.#skipBytes, chunk.byteLength - offset);
        this.#skipBytes -= skipped;
        offset += skipped;
        continue;
      }
      const wanted = this.#field.bytes - this.#gatheredBytes;
      const taken = chunk.copy(this.#gathered, this.#gatheredBytes, offset, offset + wanted);
      this.#gatheredBytes += taken;
      offset += taken;
      if (taken < wanted) return;
      this.#gatheredBytes = 0;
      this.#field = this.#read(this.#gathered.subarray(0, this.#field.bytes));
    }
  }

  /** @throws CodedError `COMPRESSED_DATA_CORRUPT` if the last frame is not complete. */
  end(): void {
    if (this.#field !== magic || this.#gatheredBytes > 0 || this.#skipBytes > 0) {
      throw corruptData('zstd', 'it is cut off');
    }
  }

  /** Takes in a field and says which one comes after what is to be skipped. */
  #read(bytes: Buffer): Field {
    switch (this.#field.kind) {
      case 'magic':
        return readMagic(bytes.readUInt32LE(0));
      case 'skippable-size':
        this.#skipBytes = bytes.readUInt32LE(0);
        return magic;
      case 'descriptor':
        this.#frame = readDescriptor(bytes.readUInt8(0));
        return { kind: 'header', bytes: headerBytes(this.#frame) };
      case 'header':
        this.#checkWindow(bytes);
        return blockHeader;
      case 'block-header':
        return this.#readBlockHeader(bytes.readUIntLE(0, 3));
    }
  }

  #readBlockHeader(header: number): Field {
    const type = (header >> 1) & 3;
    if (type === 3) throw corruptData('zstd', 'a block has a type that does not exist');
    // A block of type 1 is one byte, repeated as often as its size says.
    this.#skipBytes = type === 1 ? 1 : header >> 3;
    const isLast = (header & 1) === 1;
    if (!isLast) return blockHeader;
    if (this.#frame?.hasChecksum === true) this.#skipBytes += checksumBytes;
    return magic;
  }

  #checkWindow(header: Buffer): void {
    const frame = this.#frame;
    if (frame === undefined) return;
    const windowBytes = frame.singleSegment
      ? readContentSize(header.subarray(frame.dictionaryIdBytes))
      : readWindowDescriptor(header.readUInt8(0));
    if (windowBytes > maxWindowBytes) {
      throw corruptData('zstd', `it wants a window of ${windowBytes} bytes, more than ${maxWindowBytes}`);
    }
  }
}

function readMagic(value: number): Field {
  if (isZstdMagic(value)) return descriptor;
  if (isSkippableMagic(value)) return skippableSize;
  throw corruptData('zstd', 'something that is no frame follows a frame');
}

function readDescriptor(byte: number): FrameShape {
  const singleSegment = (byte & 0b0010_0000) !== 0;
  const contentSizeFlag = byte >> 6;
  return {
    singleSegment,
    dictionaryIdBytes: [0, 1, 2, 4][byte & 3] ?? 0,
    contentSizeBytes: contentSizeFlag === 0 ? (singleSegment ? 1 : 0) : 1 << contentSizeFlag,
    hasChecksum: (byte & 0b0000_0100) !== 0,
  };
}

function headerBytes({ singleSegment, dictionaryIdBytes, contentSizeBytes }: FrameShape): number {
  return (singleSegment ? 0 : 1) + dictionaryIdBytes + contentSizeBytes;
}

/** Frame_Content_Size, which for two bytes starts at 256. */
function readContentSize(bytes: Buffer): number {
  if (bytes.byteLength === 8) return Number(bytes.readBigUInt64LE(0));
  const size = bytes.readUIntLE(0, bytes.byteLength);
  return bytes.byteLength === 2 ? size + 256 : size;
}

function readWindowDescriptor(byte: number): number {
  const base = 2 ** (10 + (byte >> 3));
  return base + (base / 8) * (byte & 7);
}
