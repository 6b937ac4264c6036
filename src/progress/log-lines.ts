import { StringDecoder } from 'node:string_decoder';
import type { Digest } from '../oci/digest';
import type { LogEvent } from './event';

/** A line without an end is passed on in pieces of this size. */
const maxLineCharacters = 16 * 1024;

/**
 * Cuts a command's output into lines, each vertex and stream for itself, so that a secret that was cut in two by a pipe
 * is whole again when it is looked for.
 */
export class LogLines {
  readonly #open = new Map<string, { readonly decoder: StringDecoder; text: string; last: LogEvent }>();

  /** @param emit gets each line without its end, and the event that completed it. */
  constructor(private readonly emit: (line: string, event: LogEvent) => void) {}

  add(event: LogEvent): void {
    const key = `${event.vertex} ${event.stream}`;
    const state = this.#open.get(key) ?? { decoder: new StringDecoder('utf8'), text: '', last: event };
    this.#open.set(key, state);
    state.last = event;
    state.text += state.decoder.write(event.data);
    const lines = state.text.split('\n');
    state.text = lines.pop() ?? '';
    for (const line of lines) this.emit(line.replace(/\r$/, ''), event);
    while (state.text.length > maxLineCharacters) {
      this.emit(state.text.slice(0, maxLineCharacters), event);
      state.text = state.text.slice(maxLineCharacters);
    }
  }

  /** Passes on the last lines of a vertex, which lacked their end. All vertices without an argument. */
  flush(vertex?: Digest): void {
    for (const [key, { decoder, text, last }] of this.#open) {
      if (vertex !== undefined && last.vertex !== vertex) continue;
      const rest = text + decoder.end();
      if (rest !== '') this.emit(rest, last);
      this.#open.delete(key);
    }
  }
}
