import type { CallOptions } from './contract';
import { stoppable, type Stoppable } from './stoppable';

/**
 * Work that several may wait for and that is done once. One waiter's abort leaves the others alone; the work itself is
 * aborted when nobody waits any more. A failure is not remembered: the next caller starts anew.
 */
export class SharedTask<T> {
  readonly #work: (signal: AbortSignal) => Promise<T>;
  #running: { readonly result: Promise<T>; readonly controller: Stoppable } | undefined;
  #waiters = 0;

  constructor(work: (signal: AbortSignal) => Promise<T>) {
    this.#work = work;
  }

  /** Whether nobody waits for it. */
  get isIdle(): boolean {
    return this.#waiters === 0;
  }

  async run(options: CallOptions = {}): Promise<T> {
    options.signal?.throwIfAborted();
    const running = (this.#running ??= this.#start());
    this.#waiters++;
    try {
      return await orAborted(running.result, options.signal);
    } finally {
      this.#waiters--;
      if (this.#waiters === 0 && options.signal?.aborted === true && this.#running === running) {
        this.#running = undefined;
        running.controller.stop(options.signal.reason);
      }
    }
  }

  #start(): { readonly result: Promise<T>; readonly controller: Stoppable } {
    const controller = stoppable();
    const running = { result: this.#work(controller.signal), controller };
    running.result.catch(() => {
      if (this.#running === running) this.#running = undefined;
    });
    return running;
  }
}

/** What `result` gives, or a rejection with the signal's reason as soon as it aborts. */
export function orAborted<T>(result: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return result;
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', leave, { once: true });
    result.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', leave);
    });
  });
}
