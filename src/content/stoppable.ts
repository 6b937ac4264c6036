import { setMaxListeners } from 'node:events';

/** A signal for work of many parts, one of whose failures ends the others. */
export interface Stoppable {
  /** Aborts with the caller's signal, or when `stop` is called. Any number of parts may listen to it. */
  readonly signal: AbortSignal;
  readonly stop: (reason: unknown) => void;
}

/** @param outer the caller's signal, if there is one */
export function stoppable(outer?: AbortSignal): Stoppable {
  const controller = new AbortController();
  const signal = outer ? AbortSignal.any([outer, controller.signal]) : controller.signal;
  // Node suspects a leak behind more than ten listeners; here each is a transfer that removes its own when it ends.
  setMaxListeners(0, signal);
  return { signal, stop: (reason) => controller.abort(reason) };
}
