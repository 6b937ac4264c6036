import { constants, deflateRawSync } from 'node:zlib';
import { unreachable } from '../diagnostics/unreachable';
import { deflateWithFflate } from './fflate-deflate';
import { findNativeZstd, zstdParameters } from './native-zstd';
import { loadZstdWasm } from './zstd-wasm';

/** Who compresses a block. `deflate` gives raw deflate data (RFC 1951), `zstd` a frame (RFC 8878). */
export type BlockCodec = 'zlib-deflate' | 'fflate-deflate' | 'zlib-zstd' | 'wasm-zstd';

/** A piece of a stream that is compressed on its own, so that several can be at once. */
export interface BlockJob {
  readonly codec: BlockCodec;
  readonly level: number;
  /** Given away: who makes a job does not touch these bytes any more. */
  readonly data: Uint8Array;
  /** Bytes before `data` that deflate may refer to, at most 32 KiB. */
  readonly dictionary?: Uint8Array;
  /** Whether deflate closes its stream with this block; if not, it ends on a byte boundary and more may follow. */
  readonly last: boolean;
}

/** zlib's bound for what deflate can add to a block that does not compress, with room to spare. */
const deflateOverheadBytes = 1024;

/** The size of an output buffer that takes a whole block: one call into the codec, one allocation. */
export function outputBufferBytes(job: BlockJob): number {
  return job.data.byteLength + (job.data.byteLength >> 8) + deflateOverheadBytes;
}

/** Compresses one block in the thread of the caller. */
export async function encodeBlock(job: BlockJob): Promise<Uint8Array> {
  switch (job.codec) {
    case 'zlib-deflate':
      return deflateRawSync(job.data, deflateOptions(job));
    case 'fflate-deflate':
      return deflateWithFflate(job);
    case 'zlib-zstd': {
      const native = findNativeZstd();
      if (native === undefined) throw new Error('this Node has no zstd of its own');
      return native.zstdCompressSync(job.data, nativeZstdOptions(job));
    }
    case 'wasm-zstd': {
      const { buffer, byteLength, byteOffset } = job.data;
      return (await loadZstdWasm()).compress(Buffer.from(buffer, byteOffset, byteLength), job.level);
    }
    default:
      return unreachable(job.codec);
  }
}

export function deflateOptions(job: BlockJob): {
  readonly level: number;
  readonly finishFlush: number;
  readonly chunkSize: number;
  readonly dictionary?: Uint8Array;
} {
  return {
    level: job.level,
    finishFlush: job.last ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
    chunkSize: outputBufferBytes(job),
    ...(job.dictionary !== undefined && { dictionary: job.dictionary }),
  };
}

export function nativeZstdOptions(job: BlockJob): {
  readonly params: Readonly<Record<number, number>>;
  readonly pledgedSrcSize: number;
  readonly chunkSize: number;
} {
  return {
    params: { [zstdParameters.compressionLevel]: job.level },
    // Puts the size into the frame's header: readers allocate once, and we decode such frames faster.
    pledgedSrcSize: job.data.byteLength,
    chunkSize: outputBufferBytes(job),
  };
}
