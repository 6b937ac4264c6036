import { chmodSync, closeSync, lchownSync, openSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { basename, dirname } from 'node:path';
import { once } from 'node:events';
import { pipeline } from 'node:stream';
import { isErrno } from './errno';

export interface SocketRelay {
  readonly path: string;
  close(): Promise<void>;
}

export interface RelayOptions {
  /** The socket that connections go on to. */
  readonly socketPath: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Listens at `path` with the owner and mode that a step asked for and passes connections on. The user's own socket is
 * left as it is, and an agent that checks who connects sees this process.
 */
export async function relaySocket(options: RelayOptions, path: string): Promise<SocketRelay> {
  const connections = new Set<Socket>();
  const server = createServer((inside) => {
    const outside = createConnection(options.socketPath);
    for (const [from, to] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      connections.add(from);
      // A connection that fails ends both ways; its error is the concern of who made it.
      pipeline(from, to, (error) => {
        connections.delete(from);
        if (error) to.destroy();
      });
    }
  });
  // A socket's address holds 107 bytes; the way through the descriptor is always short.
  const directory = openSync(dirname(path), 'r');
  try {
    server.listen(`/proc/self/fd/${directory}/${basename(path)}`);
    await once(server, 'listening');
  } finally {
    closeSync(directory);
  }
  chmodSync(path, options.mode);
  try {
    lchownSync(path, options.uid, options.gid);
  } catch (error) {
    if (!isErrno(error, 'EINVAL', 'EPERM')) throw error;
  }
  return {
    path,
    close: async () => {
      for (const socket of connections) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
