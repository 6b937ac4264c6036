import { Deflate } from 'fflate';

/** A stretch of content for {@link deflateWithFflate}. */
export interface FflateBlock {
  /** 0 to 9. */
  readonly level: number;
  readonly data: Uint8Array;
  /** Bytes before `data` that may be referred to, at most 32 KiB. */
  readonly dictionary?: Uint8Array;
  /** Whether the deflate stream is closed; if not, it ends on a byte boundary, and another may follow. */
  readonly last: boolean;
}

/** fflate's hash table, as a power of two. Given because its default depends on the size of the data. */
const fflateMemory = 8;

/** Raw deflate (RFC 1951) in JavaScript, the same bytes on every machine. */
export function deflateWithFflate({ level, data, dictionary, last }: FflateBlock): Uint8Array {
  if (level === 0) return store(data, { last });
  const output: Uint8Array[] = [];
  const deflate = new Deflate(
    {
      level: level as 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9,
      mem: fflateMemory,
      ...(dictionary !== undefined && { dictionary }),
    },
    (chunk) => output.push(chunk),
  );
  if (last) {
    deflate.push(data, true);
    return Buffer.concat(output);
  }
  deflate.push(data, false);
  deflate.flush(false);
  let end: Uint8Array = new Uint8Array(0);
  deflate.ondata = (chunk) => (end = chunk);
  deflate.push(new Uint8Array(0), true);
  return Buffer.concat([...output, continuedEnd(end)]);
}

/** Bytes of an empty stored block behind its three bits of header: what zlib's Z_SYNC_FLUSH writes. */
const emptyStored = [0, 0, 0xff, 0xff];

/**
 * fflate's own synchronising flush (0.8.3) writes a broken marker at most bit positions, and says nothing of the
 * position. So the stream is closed with a block of no content, which is replaced by the marker: `end` holds the bits
 * that did not fill a byte before, then the block's ten bits 1, 1, 0, 0…: where its second one stands is known, since
 * nothing but zeros follows.
 */
function continuedEnd(end: Uint8Array): Uint8Array {
  const bits = end.reduceRight((sum, byte) => sum * 256 + byte, 0);
  const blockStart = Math.floor(Math.log2(bits)) - 1;
  if (end.byteLength > 3 || blockStart < 0 || blockStart > 7) throw new Error('fflate closed its stream unexpectedly');
  const header = [bits & ((1 << blockStart) - 1)];
  // Three bits of header may not fit into the byte that is begun.
  if (blockStart > 5) header.push(0);
  return Uint8Array.from([...header, ...emptyStored]);
}

const maxStoredBytes = 0xffff;

/** Stored blocks (RFC 1951, 3.2.4). They start and end on byte boundaries. */
function store(data: Uint8Array, { last }: { readonly last: boolean }): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let start = 0; start === 0 || start < data.byteLength; start += maxStoredBytes) {
    const piece = data.subarray(start, start + maxStoredBytes);
    const header = Buffer.alloc(5);
    header.writeUInt8(last && start + maxStoredBytes >= data.byteLength ? 1 : 0, 0);
    header.writeUInt16LE(piece.byteLength, 1);
    header.writeUInt16LE(~piece.byteLength & 0xffff, 3);
    parts.push(header, piece);
  }
  return Buffer.concat(parts);
}
