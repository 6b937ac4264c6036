import type { PrinterOptions, ProgressPrinter } from './printer';

/** Shows nothing but warnings: a degraded cache must not go unseen. */
export class QuietPrinter implements ProgressPrinter {
  constructor(private readonly options: PrinterOptions) {}

  readonly sink: ProgressPrinter['sink'] = (event) => {
    if (event.kind === 'warning')
      this.options.write(`${this.options.redact(`WARNING ${event.code}: ${event.message}`)}\n`);
  };

  close(): void {
    // Nothing is held back.
  }
}
