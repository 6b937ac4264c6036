import type { BlockJob } from './block-codec';

/** Where blocks are compressed, several at a time. Who makes a lane closes it. */
export interface BlockLane {
  /** The compressed block. May be called again before the answer is there; answers come in any order. */
  encode(job: BlockJob): Promise<Uint8Array>;
  /** Gives up what is under way and lets go of threads. */
  close(): Promise<void>;
}
