import { parentPort } from 'node:worker_threads';
import { encodeBlock, type BlockJob } from './block-codec';
import type { BlockAnswer } from './thread-lane';

/** The thread's side of `ThreadLane`: one job at a time, one answer each. */
parentPort?.on('message', (job: BlockJob) => {
  void encodeBlock(job).then(
    (output) => answer({ output }, output),
    (error: unknown) => answer({ error: error as Error }),
  );
});

function answer(message: BlockAnswer, output?: Uint8Array): void {
  const whole = output?.buffer instanceof ArrayBuffer && output.buffer.byteLength === output.byteLength;
  parentPort?.postMessage(message, whole ? [output.buffer] : []);
}
