import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '../../diagnostics/coded-error';
import { spawnAgent, type AgentProcessOptions } from './agent-process';
import { fromWireError } from './errors';
import type { AgentMessage, AgentOperation, AgentOperations, AgentRequest } from './agent/protocol';

/** How long an agent may take to answer for the first time, in milliseconds. */
const START_TIMEOUT_MS = 20_000;
/** What it gets to end by itself when it is closed, in milliseconds. */
const CLOSE_GRACE_MS = 3000;
const MAX_STDERR_CHARS = 2000;

export type OutputListener = (stream: 'stdout' | 'stderr', data: Buffer) => void;

interface Pending {
  readonly operation: AgentOperation;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The process that holds the namespaces, seen from the builder: requests and their answers, output by run. It keeps the
 * builder alive only while an answer is due.
 */
export class AgentClient {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #outputs = new Map<string, OutputListener>();
  #stderr = '';
  #nextId = 1;
  #ended: Error | undefined;

  private constructor(options: AgentProcessOptions) {
    this.#child = spawnAgent(options);
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-MAX_STDERR_CHARS);
    });
    this.#child.on('message', (message) => this.#receive(message as AgentMessage));
    this.#child.once('error', (error) => this.#end(error));
    // Not `exit`: what it complained about may come after that.
    this.#child.once('close', (code, signal) => {
      const complaint = this.#stderr.trim();
      this.#end(new Error(complaint === '' ? `it ended with ${signal ?? `exit code ${code ?? 'none'}`}` : complaint));
    });
  }

  /** Starts an agent; rejects with the reason if that is not possible on this machine. */
  static async start(options: AgentProcessOptions): Promise<AgentClient> {
    const client = new AgentClient(options);
    const timeout = setTimeout(() => client.#end(new Error('it did not start in time')), START_TIMEOUT_MS);
    try {
      await client.request('hello', undefined);
      return client;
    } catch (error) {
      await client.close();
      throw error;
    } finally {
      clearTimeout(timeout);
    }
  }

  request<O extends AgentOperation>(operation: O, argument: AgentOperations[O][0]): Promise<AgentOperations[O][1]> {
    if (this.#ended) return Promise.reject(agentEnded(operation, this.#ended));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { operation, resolve: resolve as (value: unknown) => void, reject });
      this.#keepAlive();
      const request: AgentRequest<O> = { id, operation, argument };
      this.#child.send(request, (error) => {
        if (error) this.#settle(id)?.reject(agentEnded(operation, error));
      });
    });
  }

  /** Sends what the commands of a run print to `listener`, until the returned function is called. */
  listen(run: string, listener: OutputListener): () => void {
    this.#outputs.set(run, listener);
    return () => this.#outputs.delete(run);
  }

  /** Ends the agent with everything that it started and mounted; resolves when that is gone. */
  async close(): Promise<void> {
    const child = this.#child;
    this.#end(new Error('the sandbox is closed'));
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const exited = once(child, 'exit');
    if (child.connected) child.disconnect();
    const timer = new AbortController();
    const late = sleep(CLOSE_GRACE_MS, true, { signal: timer.signal }).catch(() => false);
    if (await Promise.race([exited.then(() => false), late])) {
      child.kill('SIGKILL');
      await exited;
    }
    timer.abort();
  }

  #receive(message: AgentMessage): void {
    switch (message.kind) {
      case 'output':
        this.#outputs.get(message.run)?.(message.stream, Buffer.from(message.data));
        return;
      case 'reply':
        this.#settle(message.id)?.resolve(message.value);
        return;
      case 'failure': {
        const pending = this.#settle(message.id);
        pending?.reject(fromWireError(message.error, pending.operation));
      }
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    this.#keepAlive();
    return pending;
  }

  #keepAlive(): void {
    const how = this.#pending.size > 0 ? 'ref' : 'unref';
    this.#child[how]();
    this.#child.channel?.[how]();
    const { stderr } = this.#child;
    if (stderr && how in stderr) (stderr as unknown as Record<'ref' | 'unref', () => void>)[how]();
  }

  #end(reason: Error): void {
    this.#ended ??= reason;
    for (const { operation, reject } of this.#pending.values()) reject(agentEnded(operation, reason));
    this.#pending.clear();
    this.#keepAlive();
  }
}

function agentEnded(operation: string, cause: Error): CodedError<'SANDBOX_FAILED'> {
  return new CodedError('SANDBOX_FAILED', `sandbox: ${cause.message}`, { operation }, { cause });
}
