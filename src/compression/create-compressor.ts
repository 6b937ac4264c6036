import { availableParallelism } from 'node:os';
import { PassThrough } from 'node:stream';
import { CodedError } from '../diagnostics/coded-error';
import { unreachable } from '../diagnostics/unreachable';
import type { BlockEncoder, BlockEncoderOptions } from './block-encoder';
import type { BlockLane } from './block-lane';
import { BlockStream } from './block-stream';
import { chooseCodec, type CodecEnvironment } from './codec-table';
import './compression-errors';
import { noAnnotations, type CompressionOptions, type Compressor } from './contract';
import { EstargzWriter } from './estargz-writer';
import { GzipMembers } from './gzip-members';
import { effectiveLevel, validateCompressionLevel } from './levels';
import { LibuvLane } from './libuv-lane';
import { findNativeZstd } from './native-zstd';
import { ThreadLane } from './thread-lane';
import { ZstdFrames } from './zstd-frames';

/** Cores that one stream uses at most: bounds its memory, to about twice 17 blocks. */
const maxParallelism = 16;

type PackedType = Exclude<CompressionOptions['type'], 'uncompressed'>;

/**
 * A stream that compresses a layer on all cores. Its memory is bounded by the block size of the codec (codec-table.ts)
 * and the number of cores, not by the size of the layer; only estargz keeps a line for each file until the end.
 * Destroying the stream lets go of its threads.
 *
 * gzip gives one member, zstd frames of equal content, estargz what `EstargzWriter` says. An estargz stream fails with
 * `ESTARGZ_TAR_UNSUPPORTED` for what is no tar or has a file with the name of the table of contents.
 *
 * @param environment What decides who compresses; default: this Node on this machine.
 * @throws CodedError `COMPRESSION_LEVEL_INVALID` for a level that the compression does not know.
 */
export function createCompressor(
  options: CompressionOptions,
  environment: CodecEnvironment = currentEnvironment(),
): Compressor {
  const { type, reproducible = false } = options;
  const reason = options.level === undefined ? undefined : validateCompressionLevel(type, options.level);
  if (reason !== undefined) throw new CodedError('COMPRESSION_LEVEL_INVALID', reason, { reason });
  if (type === 'uncompressed') return { stream: new PassThrough(), summary: () => noAnnotations };
  const parallelism = Math.min(environment.parallelism, maxParallelism);
  const choice = chooseCodec({ type, reproducible }, { ...environment, parallelism });
  const lane = createLane(choice.lane, parallelism);
  const level = effectiveLevel(type, options.level);
  const stream = new BlockStream({
    // One block more than there are cores, so that none of them waits while a block is gathered.
    maxBytes: (parallelism + 1) * choice.blockBytes,
    lane,
    encoder: (blocks) => createEncoder(type, { ...choice, level, lane, blocks }),
  });
  return { stream, summary: () => stream.summary() };
}

function createEncoder(type: PackedType, options: BlockEncoderOptions): BlockEncoder {
  switch (type) {
    case 'gzip':
      return new GzipMembers(options);
    case 'estargz':
      return new EstargzWriter({ members: new GzipMembers(options), blocks: options.blocks });
    case 'zstd':
      return new ZstdFrames(options);
    default:
      return unreachable(type);
  }
}

function currentEnvironment(): CodecEnvironment {
  return { parallelism: availableParallelism(), nativeZstd: findNativeZstd() !== undefined };
}

function createLane(lane: 'libuv' | 'threads', parallelism: number): BlockLane {
  return lane === 'libuv' ? new LibuvLane() : new ThreadLane(parallelism);
}
