import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CodedError } from '../../diagnostics/coded-error';
import type { SshSource } from '../contract';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    SSH_UNAVAILABLE: { readonly id: string };
  }
}

const run = promisify(execFile);

/** How long an agent of ours may take to listen. */
const agentStartTimeoutMs = 5_000;

/**
 * Agents behind `RUN --mount=type=ssh`: the user's own, by its socket, or one started here for key files, which ends
 * with {@link close}. Private keys never enter the build.
 */
export class SshAgents implements AsyncDisposable {
  readonly #sockets = new Map<string, Promise<string>>();
  readonly #cleanups: (() => Promise<void>)[] = [];

  constructor(
    private readonly sources: readonly SshSource[],
    private readonly env: Readonly<Record<string, string | undefined>>,
  ) {}

  /** Path of the agent's socket, undefined for an optional id that was not given, else `SSH_UNAVAILABLE`. */
  async socket(asked: string, need: { readonly optional: boolean }): Promise<string | undefined> {
    // What a mount without an id asks for; keys of the cache know it by the empty one.
    const id = asked === '' ? 'default' : asked;
    const source = this.sources.find((candidate) => candidate.id === id);
    if (!source) {
      if (need.optional) return undefined;
      throw unavailable(id, 'a RUN step requires it but it was not given', `add "${id}" to the option "ssh"`);
    }
    let socket = this.#sockets.get(id);
    if (!socket) this.#sockets.set(id, (socket = this.#open(source)));
    return socket;
  }

  async #open(source: SshSource): Promise<string> {
    const [first] = source.paths;
    if (first === undefined) {
      const socket = this.env['SSH_AUTH_SOCK'];
      if (socket) return socket;
      throw unavailable(source.id, 'SSH_AUTH_SOCK is not set', 'start an ssh-agent, or give the path of a key');
    }
    const info = await stat(first).catch((cause: unknown) => {
      throw unavailable(source.id, `cannot read ${first}`, undefined, cause);
    });
    return info.isSocket() ? first : this.#startAgent(source);
  }

  async #startAgent(source: SshSource): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'nxrc-ssh-'));
    this.#cleanups.push(() => rm(directory, { recursive: true, force: true }));
    const socket = join(directory, 'agent.sock');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    const failed = new Promise<never>((_, reject) => {
      agent.once('error', (cause) =>
        reject(unavailable(source.id, 'cannot start ssh-agent', 'install OpenSSH', cause)),
      );
    });
    this.#cleanups.push(() => {
      agent.kill();
      return Promise.resolve();
    });
    await Promise.race([failed, listening(socket, source.id)]);
    await run('ssh-add', ['-q', ...source.paths], { env: { ...this.env, SSH_AUTH_SOCK: socket } }).catch(
      (cause: unknown) => {
        throw unavailable(source.id, 'ssh-add refused a key', 'keys with a passphrase need a running agent', cause);
      },
    );
    return socket;
  }

  async close(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function listening(socket: string, id: string): Promise<void> {
  const deadline = Date.now() + agentStartTimeoutMs;
  while (Date.now() < deadline) {
    const info = await stat(socket).catch(() => undefined);
    if (info?.isSocket()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw unavailable(id, 'ssh-agent did not start in time');
}

function unavailable(id: string, reason: string, hint?: string, cause?: unknown): CodedError<'SSH_UNAVAILABLE'> {
  return new CodedError('SSH_UNAVAILABLE', `ssh "${id}": ${reason}`, { id }, { cause, ...(hint && { hint }) });
}
