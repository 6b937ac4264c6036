import type { LogEvent, ProgressEvent, StatusEvent, VertexEvent, WarningEvent } from './event';
import { LogLines } from './log-lines';
import type { PrinterOptions, ProgressPrinter } from './printer';

const streamNumbers = { stdout: 1, stderr: 2 } as const;

/**
 * One JSON object per line in the shape of BuildKit's `SolveStatus` (buildx `--progress=rawjson`): the keys `vertexes`,
 * `statuses`, `logs` (data in base64) and `warnings`, each a list.
 */
export class RawJsonPrinter implements ProgressPrinter {
  readonly #lines = new LogLines((line, event) => this.#write({ logs: [this.#log(line, event)] }));

  constructor(private readonly options: PrinterOptions) {}

  readonly sink = (event: ProgressEvent): void => {
    switch (event.kind) {
      case 'vertex':
        if (event.completed !== undefined) this.#lines.flush(event.digest);
        this.#write({ vertexes: [this.#vertex(event)] });
        break;
      case 'log':
        this.#lines.add(event);
        break;
      case 'status':
        this.#write({ statuses: [this.#status(event)] });
        break;
      case 'warning':
        this.#write({ warnings: [this.#warning(event)] });
    }
  };

  close(): void {
    this.#lines.flush();
  }

  #vertex(event: VertexEvent): Record<string, unknown> {
    return {
      digest: event.digest,
      inputs: event.inputs.length === 0 ? undefined : event.inputs,
      name: this.options.redact(event.name),
      started: timestamp(event.started),
      completed: timestamp(event.completed),
      cached: event.cached === true ? true : undefined,
      error: event.error === undefined ? undefined : this.options.redact(event.error),
    };
  }

  #status(event: StatusEvent): Record<string, unknown> {
    return {
      id: event.id,
      vertex: event.vertex,
      name: event.name,
      total: event.total,
      current: event.current,
      timestamp: timestamp(event.completed ?? this.options.now()),
      started: timestamp(event.started),
      completed: timestamp(event.completed),
    };
  }

  #log(line: string, event: LogEvent): Record<string, unknown> {
    return {
      vertex: event.vertex,
      stream: streamNumbers[event.stream],
      data: Buffer.from(`${this.options.redact(line)}\n`).toString('base64'),
      timestamp: timestamp(event.time),
    };
  }

  /** BuildKit gives texts of warnings as bytes, which JSON shows in base64. */
  #warning(event: WarningEvent): Record<string, unknown> {
    const encode = (text: string): string => Buffer.from(this.options.redact(text)).toString('base64');
    return {
      vertex: event.vertex,
      level: 1,
      short: encode(`${event.code}: ${event.message}`),
      detail: event.hint === undefined ? undefined : [encode(event.hint)],
    };
  }

  #write(status: Record<string, unknown>): void {
    this.options.write(`${JSON.stringify(status)}\n`);
  }
}

function timestamp(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : new Date(milliseconds).toISOString();
}
