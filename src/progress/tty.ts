import type { ProgressEvent } from './event';
import { LogLines } from './log-lines';
import type { PrinterOptions, ProgressPrinter } from './printer';
import { widthOf } from './terminal-text';
import { TerminalView, type TerminalSize } from './terminal-view';

/** At most ten pictures a second. */
const redrawIntervalMs = 100;

const hideCursor = '\u001b[?25l';
const showCursor = '\u001b[?25h';
const eraseRest = '\u001b[K';
const eraseBelow = '\u001b[J';

export interface TtyPrinterOptions extends PrinterOptions {
  /** Asked before each picture, as windows are resized. */
  readonly size: () => TerminalSize;
}

/** A live picture of the build at the end of the terminal, redrawn in place. */
export class TtyPrinter implements ProgressPrinter {
  readonly #view: TerminalView;
  readonly #lines: LogLines;
  #timer: NodeJS.Timeout | undefined;
  #drawn: readonly string[] = [];

  constructor(private readonly options: TtyPrinterOptions) {
    this.#view = new TerminalView(options.now());
    this.#lines = new LogLines((line, event) => this.#view.addLogLine(options.redact(line), event));
    options.write(hideCursor);
  }

  readonly sink = (event: ProgressEvent): void => {
    if (event.kind === 'log') this.#lines.add(event);
    else this.#view.apply(this.#redacted(event));
    // Keeps ticking while the build runs, for the seconds; unref so that it never keeps the process alive.
    this.#timer ??= setInterval(() => this.#draw(), redrawIntervalMs).unref();
  };

  close(): void {
    clearInterval(this.#timer);
    this.#lines.flush();
    const size = this.options.size();
    this.#replace(this.#view.renderFinal(this.options.now(), size.columns), size);
    this.options.write(showCursor);
  }

  #draw(): void {
    const size = this.options.size();
    const lines = this.#view.render(this.options.now(), size);
    this.#replace(lines, size);
    this.#drawn = lines;
  }

  /**
   * A window that became narrower has broken the lines of the last picture into several. Lines are written over the old
   * ones: erasing a screen from its top makes some terminals keep each picture in their history.
   */
  #replace(lines: readonly string[], { columns, rows }: TerminalSize): void {
    const broken = this.#drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
    const up = broken === 0 ? '' : `\u001b[${Math.min(broken, Math.max(rows - 1, 1))}A\r`;
    const text = lines.map((line) => `${line}${eraseRest}\n`).join('');
    this.options.write(`${up}${text}${eraseBelow}`);
  }

  #redacted(event: Exclude<ProgressEvent, { kind: 'log' }>): Exclude<ProgressEvent, { kind: 'log' }> {
    const { redact } = this.options;
    if (event.kind === 'vertex') {
      return {
        ...event,
        name: redact(event.name),
        ...(event.error === undefined ? {} : { error: redact(event.error) }),
      };
    }
    return event.kind === 'warning' ? { ...event, message: redact(event.message) } : event;
  }
}
