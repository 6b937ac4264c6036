import type { ServerResponse } from 'node:http';

/** Something that goes wrong with the next requests of one kind. */
export type Fault = FaultTrigger & FaultEffect;

export interface FaultTrigger {
  /** `PUT blob`, `GET manifest`, `token`, … as the rig's log calls them. */
  readonly on: string;
  /** How many requests it hits. Default 1. */
  readonly times?: number;
  /** How many requests of that kind go well before. Default 0. */
  readonly after?: number;
}

export type FaultEffect =
  /** Answers with that, without doing anything. A HEAD with 200 or 404 here is a registry that lies. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array;
    }
  /** Breaks the connection before an answer. */
  | { readonly kind: 'reset' }
  /** Never answers. */
  | { readonly kind: 'stall' }
  /** Does what it should, and changes the first byte of the body. */
  | { readonly kind: 'wrong-bytes' }
  /** Does what it should, and breaks the connection after so many bytes of the body. */
  | { readonly kind: 'truncate'; readonly afterBytes: number }
  /** Does what it should, with these headers in place of its own. */
  | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string>> }
  /** A body without an end. */
  | { readonly kind: 'endless'; readonly status: number; readonly headers?: Readonly<Record<string, string>> };

/** The faults that are still to come. */
export class FaultPlan {
  readonly #entries: { readonly fault: Fault; seen: number; hit: number }[] = [];

  add(...faults: readonly Fault[]): void {
    this.#entries.push(...faults.map((fault) => ({ fault, seen: 0, hit: 0 })));
  }

  /** What is to go wrong with a request of that kind, if anything. */
  take(kind: string): FaultEffect | undefined {
    for (const entry of this.#entries.filter(({ fault }) => fault.on === kind)) {
      const { after = 0, times = 1 } = entry.fault;
      if (entry.seen++ < after || entry.hit >= times) continue;
      entry.hit++;
      return entry.fault;
    }
    return undefined;
  }
}

/** Brings a fault about. Gives whether the request is to be answered properly nevertheless. */
export function applyFault(effect: FaultEffect, response: ServerResponse): boolean {
  switch (effect.kind) {
    case 'status':
      response.writeHead(effect.status, { connection: 'close', ...effect.headers }).end(effect.body);
      return false;
    case 'reset':
      response.socket?.resetAndDestroy();
      return false;
    case 'stall':
      return false;
    case 'endless':
      response.writeHead(effect.status, effect.headers ?? {});
      writeForever(response);
      return false;
    case 'headers':
      patchHeaders(response, effect.headers);
      return true;
    case 'wrong-bytes':
      patchBody(response, (chunk, position) => {
        const changed = Buffer.from(chunk);
        if (position === 0) changed[0]! ^= 1;
        return changed;
      });
      return true;
    case 'truncate':
      patchBody(response, (chunk, position) => {
        if (position + chunk.byteLength <= effect.afterBytes) return chunk;
        // What came before has to leave the process, or it would be lost with the connection.
        setImmediate(() => response.socket?.destroy());
        return chunk.subarray(0, Math.max(0, effect.afterBytes - position));
      });
      return true;
  }
}

function writeForever(response: ServerResponse): void {
  const piece = Buffer.alloc(16 * 1024, 'x');
  const more = (): void => {
    while (!response.destroyed && response.write(piece));
  };
  response.on('drain', more);
  more();
}

function patchHeaders(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
  const writeHead = response.writeHead.bind(response) as (status: number, headers: object) => ServerResponse;
  response.writeHead = ((status: number, own: object = {}) => writeHead(status, { ...own, ...headers })) as never;
}

/** Puts `change` between whoever answers and the connection. `position` counts the bytes before the chunk. */
function patchBody(response: ServerResponse, change: (chunk: Buffer, position: number) => Buffer): void {
  let position = 0;
  const pass = (chunk: unknown): Buffer => {
    const bytes = Buffer.from(chunk as Uint8Array);
    const changed = change(bytes, position);
    position += bytes.byteLength;
    return changed;
  };
  const write = response.write.bind(response) as (chunk: Buffer, ...rest: unknown[]) => boolean;
  const end = response.end.bind(response) as (chunk?: Buffer, ...rest: unknown[]) => ServerResponse;
  response.write = ((chunk: unknown, ...rest: unknown[]) => write(pass(chunk), ...rest)) as never;
  response.end = ((chunk?: unknown, ...rest: unknown[]) =>
    chunk == null || typeof chunk === 'function' ? end() : end(pass(chunk), ...rest)) as never;
}
