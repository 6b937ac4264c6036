import { crc32 } from 'node:zlib';

/**
 * A gzip member's header (RFC 1952, 2.3): deflate, no name, no time, operating system unknown, so that equal content
 * gives equal bytes.
 */
export const gzipHeader: Uint8Array = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);

/** Collects what a gzip member's trailer says of its content. */
export class GzipTrailer {
  #crc = 0;
  #bytes = 0;

  update(data: Uint8Array): void {
    this.#crc = crc32(data, this.#crc);
    this.#bytes += data.byteLength;
  }

  /** CRC and size, which is modulo 2^32, of everything so far. */
  finish(): Uint8Array {
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#crc, 0);
    trailer.writeUInt32LE(this.#bytes % 2 ** 32, 4);
    return trailer;
  }
}
