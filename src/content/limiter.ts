/**
 * Lets at most `slots` tasks run at once, the others wait in the order they came. A slot is handed to the next in
 * line without ever being free in between, so that a newcomer cannot take it.
 */
export class Limiter {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(slots: number) {
    if (!Number.isInteger(slots) || slots < 1) throw new RangeError(`a limiter needs at least one slot, not ${slots}`);
    this.#free = slots;
  }

  /** Runs `task` when its turn comes. An abort while it waits takes it out of the line and rejects with the reason. */
  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#nextTurn(signal);
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  #nextTurn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiting.push(enter);
    });
  }
}
