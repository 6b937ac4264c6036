import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { encodeBlock, type BlockJob } from './block-codec';
import type { BlockLane } from './block-lane';

/** Bytes up to which a first block is compressed here: starting a thread would take longer. */
const inlineBytes = 128 * 1024;

interface Task {
  readonly job: BlockJob;
  readonly resolve: (output: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  task: Task | undefined;
}

/** What the thread answers to a job. */
export type BlockAnswer = { readonly output: Uint8Array } | { readonly error: Error };

/**
 * Compresses on worker threads, for codecs that libuv's pool cannot run and for machines with more cores than it has
 * threads. Threads start when they are needed and keep the process alive only while they work. Can be shared by any
 * number of compressors.
 */
export class ThreadLane implements BlockLane {
  readonly #maxThreads: number;
  readonly #threads: Thread[] = [];
  readonly #waiting: Task[] = [];
  #closed = false;

  constructor(maxThreads: number) {
    this.#maxThreads = maxThreads;
  }

  encode(job: BlockJob): Promise<Uint8Array> {
    if (this.#closed) return Promise.reject(new Error('the lane is closed'));
    if (this.#threads.length === 0 && job.last && job.data.byteLength <= inlineBytes) return encodeBlock(job);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, resolve, reject });
      this.#dispatch();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const threads = this.#threads.splice(0);
    const closed = new Error('the lane was closed');
    for (const task of [...this.#waiting.splice(0), ...threads.map((thread) => thread.task)]) task?.reject(closed);
    await Promise.all(threads.map(({ worker }) => endOf(worker)));
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const idle = this.#threads.find((thread) => thread.task === undefined) ?? this.#startThread();
      if (idle === undefined) return;
      const task = this.#waiting.shift();
      if (task === undefined) return;
      idle.task = task;
      idle.worker.ref();
      idle.worker.postMessage(task.job, ownedBuffers(task.job));
    }
  }

  #startThread(): Thread | undefined {
    if (this.#threads.length >= this.#maxThreads) return undefined;
    const thread: Thread = { worker: new Worker(join(__dirname, 'block-worker.js')), task: undefined };
    thread.worker.on('message', (answer: BlockAnswer) => {
      // An answer that comes while the lane closes must not let the process end before the thread has.
      if (this.#closed) return;
      const task = thread.task;
      thread.task = undefined;
      thread.worker.unref();
      if ('error' in answer) task?.reject(answer.error);
      else task?.resolve(answer.output);
      this.#dispatch();
    });
    thread.worker.on('error', (error) => this.#lose(thread, error));
    thread.worker.on('exit', () => this.#lose(thread, new Error('a compression thread ended unexpectedly')));
    this.#threads.push(thread);
    return thread;
  }

  /** A thread died. Its task fails; if it was the last one, the next task starts another. */
  #lose(thread: Thread, error: Error): void {
    const index = this.#threads.indexOf(thread);
    if (index < 0) return;
    this.#threads.splice(index, 1);
    thread.task?.reject(error);
    this.#dispatch();
  }
}

/** Ends a thread. An idle one does not keep the process alive, which could then end before the answer is here. */
async function endOf(worker: Worker): Promise<void> {
  worker.ref();
  await worker.terminate();
}

/** Buffers that can move to the thread instead of being copied: those that hold nothing else. */
function ownedBuffers(job: BlockJob): ArrayBuffer[] {
  const { buffer, byteLength } = job.data;
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}
