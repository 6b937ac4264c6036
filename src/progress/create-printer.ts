import { unreachable } from '../diagnostics/unreachable';
import { PlainPrinter } from './plain';
import type { ProgressPrinter } from './printer';
import { QuietPrinter } from './quiet';
import { RawJsonPrinter } from './raw-json';
import { TtyPrinter, type TtyPrinterOptions } from './tty';

/** A terminal below this width shows no picture worth redrawing. */
const minColumns = 40;

export interface CreatePrinterOptions extends TtyPrinterOptions {
  readonly mode: 'auto' | 'tty' | 'plain' | 'rawjson' | 'quiet';
  readonly isTerminal: boolean;
  /** Whether a CI system runs this: its log viewer is no terminal, even where it says so. */
  readonly isCi: boolean;
}

/** The printer for `mode`: `auto` draws on a terminal and prints lines elsewhere; `tty` without a terminal is `plain`. */
export function createPrinter(options: CreatePrinterOptions): ProgressPrinter {
  const { mode, isTerminal, isCi } = options;
  const canDraw = isTerminal && options.size().columns >= minColumns;
  switch (mode) {
    case 'auto':
      return canDraw && !isCi ? new TtyPrinter(options) : new PlainPrinter(options);
    case 'tty':
      return canDraw ? new TtyPrinter(options) : new PlainPrinter(options);
    case 'plain':
      return new PlainPrinter(options);
    case 'rawjson':
      return new RawJsonPrinter(options);
    case 'quiet':
      return new QuietPrinter(options);
    default:
      return unreachable(mode);
  }
}
