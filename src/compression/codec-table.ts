import type { CompressionType } from './contract';
import type { BlockCodec } from './block-codec';
import { libuvThreads } from './libuv-lane';

/** What of the running Node and machine decides who compresses. */
export interface CodecEnvironment {
  /** Blocks to compress at once: the cores. */
  readonly parallelism: number;
  /** Whether `node:zlib` has zstd (Node 22.15 and later). */
  readonly nativeZstd: boolean;
}

export interface CodecChoice {
  readonly codec: BlockCodec;
  /** `libuv`: the threads that Node has anyway. `threads`: worker threads. */
  readonly lane: 'libuv' | 'threads';
  /** Bytes of one block. Larger ones compress a little better, smaller ones use all cores on smaller layers. */
  readonly blockBytes: number;
}

interface CodecRow {
  readonly types: readonly CompressionType[];
  readonly reproducible: boolean;
  readonly when?: (environment: CodecEnvironment) => boolean;
  readonly choice: CodecChoice;
}

const KiB = 1024;
const MiB = 1024 * KiB;

/** With the 32 KiB dictionary, deflate loses less than 1 % to blocks of this size. */
const deflateBlockBytes = 512 * KiB;
/** A frame is a block here and starts with an empty window; zstd's default window has 2 MiB. */
const zstdBlockBytes = 4 * MiB;

const deflateTypes: readonly CompressionType[] = ['gzip', 'estargz'];

const exceedsLibuv = ({ parallelism }: CodecEnvironment): boolean => parallelism > libuvThreads;
const lacksZstd = ({ nativeZstd }: CodecEnvironment): boolean => !nativeZstd;

/**
 * Who compresses what; the first row that fits counts. `bench/compression.ts` prints the numbers behind it: zlib is
 * 2 to 3 times as fast as fflate, but its bytes depend on its version and on the processor; Node's zstd is about twice
 * as fast as the same code in WebAssembly.
 */
const rows: readonly CodecRow[] = [
  { types: deflateTypes, reproducible: true, choice: deflate('fflate-deflate', 'threads') },
  { types: deflateTypes, reproducible: false, when: exceedsLibuv, choice: deflate('zlib-deflate', 'threads') },
  { types: deflateTypes, reproducible: false, choice: deflate('zlib-deflate', 'libuv') },
  { types: ['zstd'], reproducible: true, choice: zstd('wasm-zstd', 'threads') },
  { types: ['zstd'], reproducible: false, when: lacksZstd, choice: zstd('wasm-zstd', 'threads') },
  { types: ['zstd'], reproducible: false, when: exceedsLibuv, choice: zstd('zlib-zstd', 'threads') },
  { types: ['zstd'], reproducible: false, choice: zstd('zlib-zstd', 'libuv') },
];

/** The codec for a type of compression on this Node and machine. */
export function chooseCodec(
  wanted: { readonly type: Exclude<CompressionType, 'uncompressed'>; readonly reproducible: boolean },
  environment: CodecEnvironment,
): CodecChoice {
  const found = rows.find(
    (candidate) =>
      candidate.types.includes(wanted.type) &&
      candidate.reproducible === wanted.reproducible &&
      (candidate.when === undefined || candidate.when(environment)),
  );
  if (found === undefined) throw new Error(`no codec for ${wanted.type}`);
  return found.choice;
}

function deflate(codec: BlockCodec, lane: CodecChoice['lane']): CodecChoice {
  return { codec, lane, blockBytes: deflateBlockBytes };
}

function zstd(codec: BlockCodec, lane: CodecChoice['lane']): CodecChoice {
  return { codec, lane, blockBytes: zstdBlockBytes };
}
