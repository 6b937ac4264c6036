import { orAborted } from '../content/shared-task';

/**
 * Lets one request go ahead of all others: its answer tells how the registry wants to be spoken to. Otherwise the many
 * requests with which a build begins would each be turned away once.
 */
export class Introduction {
  #first: Promise<void> | undefined;

  /** Runs `task`, after the first one if that is still under way. However the first one ends, the others go on. */
  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#first === undefined) {
      const result = task();
      this.#first = result.then(
        () => undefined,
        () => undefined,
      );
      return result;
    }
    await orAborted(this.#first, signal);
    signal?.throwIfAborted();
    return task();
  }
}
