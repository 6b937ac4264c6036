import { closeSync, constants, fchownSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { isErrno } from './errno';

/** Passes bytes on; resolves once they are on their way and more may come. */
export type OutputSink = (data: Buffer) => Promise<void>;

export interface OutputPipeOwner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * A named pipe for a command's output. What Node makes for a child are sockets, which cannot be opened again, and
 * commands like to write to `/dev/stdout`; for the same reason the pipe belongs to the user that the command runs as.
 */
export class OutputPipe {
  readonly #writer: number;
  readonly #reading: Promise<void>;

  constructor(path: string, owner: OutputPipeOwner, sink: OutputSink) {
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.#writer = openSync(path, constants.O_WRONLY);
    try {
      fchownSync(this.#writer, owner.uid, owner.gid);
    } catch (error) {
      if (!isErrno(error, 'EINVAL', 'EPERM')) throw error;
    }
    const socket = new Socket({ fd: reader, readable: true, writable: false });
    this.#reading = forward(socket, sink);
  }

  /** For the child's list of descriptors; closed with {@link started}. */
  get writer(): number {
    return this.#writer;
  }

  /** Says that the child has the descriptor: from now on the pipe ends with the last process that holds it. */
  started(): void {
    closeSync(this.#writer);
  }

  /** Resolves when everything has been passed on. */
  async drained(): Promise<void> {
    await this.#reading;
  }
}

async function forward(socket: Socket, sink: OutputSink): Promise<void> {
  for await (const data of socket) await sink(data as Buffer);
}
