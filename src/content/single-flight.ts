import { SharedTask } from './shared-task';

/**
 * Runs one task per key at a time: whoever asks while it runs gets the same result, and whoever asks later a new one. A
 * caller that aborts leaves; the task goes on for the others, and is itself aborted only when nobody waits any more.
 */
export class SingleFlight<T> {
  readonly #flights = new Map<string, SharedTask<T>>();

  async run(key: string, task: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const flight = this.#flights.get(key) ?? new SharedTask(task);
    this.#flights.set(key, flight);
    try {
      return await flight.run(signal ? { signal } : {});
    } finally {
      if (flight.isIdle && this.#flights.get(key) === flight) this.#flights.delete(key);
    }
  }
}
