import type { ProgressSink } from './event';

/** Takes progress events and shows them. */
export interface ProgressPrinter {
  readonly sink: ProgressSink;
  /** Prints what is still held back and stops any timer. No event may follow. */
  close(): void;
}

export interface PrinterOptions {
  readonly write: (text: string) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Hides secret values in one piece of text; gets whole lines. */
  readonly redact: (text: string) => string;
}
