import { setMaxListeners } from 'node:events';

/** Ends several pieces of work at once: by {@link abort}, or with the signal that it was made with. */
export interface StopTogether {
  /** For each piece of work; any number of them may listen. */
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
}

/** Makes a signal that follows `outer` and can be aborted by itself, as soon as one of several pieces of work fails. */
export function stopTogether(outer: AbortSignal | undefined): StopTogether {
  const stop = new AbortController();
  const signal = outer ? AbortSignal.any([outer, stop.signal]) : stop.signal;
  // Node takes more than ten listeners for a leak and says so on the terminal; here each belongs to a piece of work.
  setMaxListeners(0, signal);
  return { signal, abort: (reason) => stop.abort(reason) };
}
