import type { Digest } from '../oci/digest';
import type { LogEvent, ProgressEvent, StatusEvent, VertexEvent, WarningEvent } from './event';
import { LogLines } from './log-lines';
import type { PrinterOptions, ProgressPrinter } from './printer';
import { formatBytes, formatSeconds } from './quantities';
import { durationMs } from './vertex-times';

interface Step {
  readonly number: number;
  readonly started: number;
  /** A vertex that completed once is not announced again. */
  done: boolean;
}

/**
 * One line per event, each with the number of its step, in the manner of BuildKit's plain output: a header when a step
 * starts, its output with seconds since the start, and `DONE`, `CACHED` or `ERROR`. Numbers follow the order in which
 * steps are first shown and never change.
 */
export class PlainPrinter implements ProgressPrinter {
  readonly #steps = new Map<Digest, Step>();
  readonly #lines = new LogLines((line, event) => this.#printLog(line, event));
  #current: number | undefined;

  constructor(private readonly options: PrinterOptions) {}

  readonly sink = (event: ProgressEvent): void => {
    switch (event.kind) {
      case 'vertex':
        this.#printVertex(event);
        break;
      case 'log':
        this.#lines.add(event);
        break;
      case 'status':
        this.#printStatus(event);
        break;
      case 'warning':
        this.#printWarning(event);
    }
  };

  close(): void {
    this.#lines.flush();
  }

  #printVertex(event: VertexEvent): void {
    if (event.started === undefined && event.completed === undefined && event.cached !== true) return;
    const known = this.#steps.get(event.digest);
    const step = known ?? { number: this.#steps.size + 1, started: event.started ?? this.options.now(), done: false };
    if (step.done) return;
    if (known === undefined) {
      this.#steps.set(event.digest, step);
      this.#print(step, event.name);
    }
    if (event.completed === undefined && event.cached !== true) return;
    this.#lines.flush(event.digest);
    step.done = true;
    if (event.error !== undefined) this.#print(step, `ERROR: ${event.error}`);
    else this.#print(step, event.cached === true ? 'CACHED' : `DONE ${formatSeconds(durationMs(event))}`);
  }

  #printLog(line: string, event: LogEvent): void {
    const step = this.#steps.get(event.vertex);
    if (step === undefined) this.#write(line);
    else this.#print(step, `${((event.time - step.started) / 1000).toFixed(3)} ${line}`);
  }

  /** Only the end of a transfer: what happens in between is for a terminal. */
  #printStatus(event: StatusEvent): void {
    const step = this.#steps.get(event.vertex);
    if (step === undefined || event.completed === undefined) return;
    const amount = event.total === undefined && event.current === 0 ? '' : ` ${formatBytes(event.current)}`;
    this.#print(step, `${event.name}${amount} ${formatSeconds(event.completed - event.started)} done`);
  }

  #printWarning(event: WarningEvent): void {
    const hint = event.hint === undefined ? '' : ` (${event.hint})`;
    const text = `WARNING ${event.code}: ${event.message}${hint}`;
    const step = event.vertex === undefined ? undefined : this.#steps.get(event.vertex);
    if (step === undefined) this.#write(text);
    else this.#print(step, text);
  }

  /** A blank line where another step goes on, so that blocks can be told apart. */
  #print(step: Step, text: string): void {
    if (this.#current !== undefined && this.#current !== step.number) this.options.write('\n');
    this.#current = step.number;
    this.#write(text, `#${step.number} `);
  }

  #write(text: string, prefix = ''): void {
    for (const line of this.options.redact(text).split('\n')) this.options.write(`${prefix}${line}\n`);
  }
}
