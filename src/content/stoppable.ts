import { setMaxListeners } from 'node:events';

/** A signal for many calls at once, which ends them when one has failed or when the caller's signal does. */
export interface Stoppable {
  readonly signal: AbortSignal;
  readonly stop: (reason: unknown) => void;
}

export function stoppable(outer?: AbortSignal): Stoppable {
  const controller = new AbortController();
  const signal = outer ? AbortSignal.any([outer, controller.signal]) : controller.signal;
  return { signal: forManyListeners(signal), stop: (reason) => controller.abort(reason) };
}

/** The signal, without Node's warning of more than ten listeners: a transfer of many blobs has more. */
export function forManyListeners(signal: AbortSignal): AbortSignal {
  setMaxListeners(0, signal);
  return signal;
}
