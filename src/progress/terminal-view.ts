import type { Digest } from '../oci/digest';
import type { LogEvent, ProgressEvent, StatusEvent, VertexEvent, WarningEvent } from './event';
import { formatBytes, formatSeconds } from './quantities';
import { cutToWidth, stripControl, widthOf } from './terminal-text';

/** Last lines of output that are shown below a running step, and kept for one that fails. */
const shownLogLines = 5;
const keptLogLines = 40;

interface Step {
  event: VertexEvent;
  readonly log: string[];
  readonly statuses: Map<string, StatusEvent>;
}

/** The size of a terminal, in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** The state of a build as lines of a terminal. Knows nothing of cursors and timers. */
export class TerminalView {
  readonly #steps = new Map<Digest, Step>();
  readonly #warnings: WarningEvent[] = [];
  readonly #started: number;

  constructor(started: number) {
    this.#started = started;
  }

  apply(event: Exclude<ProgressEvent, LogEvent>): void {
    if (event.kind === 'warning') {
      this.#warnings.push(event);
    } else if (event.kind === 'status') {
      this.#steps.get(event.vertex)?.statuses.set(event.id, event);
    } else {
      const known = this.#steps.get(event.digest);
      if (known === undefined) this.#steps.set(event.digest, { event, log: [], statuses: new Map() });
      else known.event = { ...known.event, ...event };
    }
  }

  addLogLine(line: string, event: LogEvent): void {
    const log = this.#steps.get(event.vertex)?.log;
    if (log === undefined) return;
    log.push(line);
    if (log.length > keptLogLines) log.shift();
  }

  /** What is shown while the build runs: never more lines than the terminal has, running steps before finished ones. */
  render(now: number, { columns, rows }: TerminalSize): readonly string[] {
    const shown = [...this.#steps.values()].filter(({ event }) => isShown(event));
    const blocks = shown.map((step) => ({
      running: isRunning(step.event),
      lines: this.#stepLines(step, now, columns),
    }));
    // One line for the header and one that keeps the cursor below.
    let excess = blocks.reduce((sum, { lines }) => sum + lines.length, 0) - Math.max(rows - 2, 1);
    const kept = blocks.filter(({ running, lines }) => {
      if (excess <= 0 || running) return true;
      excess -= lines.length;
      return false;
    });
    const lines = kept.flatMap((block) => block.lines);
    return [this.#header(now, columns), ...lines.slice(-Math.max(rows - 2, 1))];
  }

  /** What stays on the terminal in the end: every step, warnings, and the output of steps that failed. */
  renderFinal(now: number, columns: number): readonly string[] {
    const steps = [...this.#steps.values()].filter(({ event }) => isShown(event));
    const failed = steps.filter(({ event }) => event.error !== undefined);
    return [
      this.#header(now, columns),
      ...steps.map((step) => this.#stepLine(step, now, columns)),
      ...this.#warnings.map(({ code, message }) => ` ! ${stripControl(`${code}: ${message}`)}`),
      ...failed.flatMap(({ event, log }) => [
        '',
        `${stripControl(event.name)} failed: ${stripControl(event.error ?? '')}`,
        ...log.map((line) => `  ${stripControl(line)}`),
      ]),
    ];
  }

  #header(now: number, columns: number): string {
    const steps = [...this.#steps.values()];
    const done = steps.filter(({ event }) => event.completed !== undefined || event.cached === true).length;
    return cutToWidth(`building ${formatSeconds(now - this.#started)}, ${done} of ${steps.length} steps done`, columns);
  }

  #stepLines(step: Step, now: number, columns: number): readonly string[] {
    const lines = [this.#stepLine(step, now, columns)];
    if (!isRunning(step.event)) return lines;
    const open = [...step.statuses.values()].filter(({ completed }) => completed === undefined);
    for (const status of open) lines.push(cutToWidth(`     ${describe(status)}`, columns));
    for (const line of step.log.slice(-shownLogLines)) lines.push(cutToWidth(`   │ ${stripControl(line)}`, columns));
    return lines;
  }

  #stepLine({ event }: Step, now: number, columns: number): string {
    const time = formatSeconds((event.completed ?? now) - (event.started ?? event.completed ?? now));
    const head = cutToWidth(` ${markOf(event)} ${stripControl(event.name)}`, Math.max(columns - time.length - 2, 1));
    return `${head}${' '.repeat(Math.max(columns - widthOf(head) - time.length - 1, 1))}${time}`;
  }
}

function isShown(event: VertexEvent): boolean {
  return event.started !== undefined || event.completed !== undefined || event.cached === true;
}

function isRunning(event: VertexEvent): boolean {
  return event.started !== undefined && event.completed === undefined && event.cached !== true;
}

function markOf(event: VertexEvent): string {
  if (event.error !== undefined) return 'failed';
  if (event.cached === true) return 'cached';
  return event.completed === undefined ? 'runs  ' : 'done  ';
}

function describe({ name, id, current, total }: StatusEvent): string {
  const amount = total === undefined ? formatBytes(current) : `${formatBytes(current)} of ${formatBytes(total)}`;
  return stripControl(`${name} ${id}: ${amount}`);
}
