import { deflateRaw } from 'node:zlib';
import { deflateOptions, encodeBlock, nativeZstdOptions, type BlockJob } from './block-codec';
import type { BlockLane } from './block-lane';
import { findNativeZstd } from './native-zstd';

/** Threads of libuv's pool where nobody changed it. It serves file reads and DNS look-ups, too. */
export const libuvThreads = 4;

/** Compresses on the threads that Node has anyway: no start-up cost, but no more than {@link libuvThreads} at once. */
export class LibuvLane implements BlockLane {
  encode(job: BlockJob): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const done = (error: Error | null, result: Buffer): void => {
        if (error === null) resolve(result);
        else reject(error);
      };
      const native = findNativeZstd();
      if (job.codec === 'zlib-deflate') deflateRaw(job.data, deflateOptions(job), done);
      else if (job.codec === 'zlib-zstd' && native !== undefined)
        native.zstdCompress(job.data, nativeZstdOptions(job), done);
      else resolve(encodeBlock(job));
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
