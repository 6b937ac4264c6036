import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { CallOptions } from '../../content/contract';

/** How long a builder may take to end after SIGINT; buildx cancels its solve in that time. */
const defaultGraceMs = 10_000;

/** Output of a command that is kept, from its end. */
const maxOutputCharacters = 256 * 1024;

export interface CommandOptions extends CallOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends the command by SIGKILL after that time. */
  readonly timeoutMs?: number;
  /** From an abort's SIGINT to SIGKILL. */
  readonly graceMs?: number;
  /** Lines of its standard error, as they come. They are not kept then. */
  readonly onErrorLine?: (line: string) => void;
}

export type CommandResult =
  | { readonly kind: 'ended'; readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }
  /** There is no such program, or it cannot be started. */
  | { readonly kind: 'not-started'; readonly cause: Error }
  | { readonly kind: 'timeout' };

/**
 * Runs a program without a shell and waits for its end. An abort is passed on as SIGINT, and as SIGKILL if that does not
 * help; then this rejects with the signal's reason, once the program has ended.
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  const { signal, env, timeoutMs, graceMs = defaultGraceMs, onErrorLine } = options;
  signal?.throwIfAborted();
  // A group of its own: a Ctrl-C of the terminal reaches it through us, once.
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const timeout = new AbortController();
  let stdout = '';
  let stderr = '';
  const keep = (text: string, more: string): string => (text + more).slice(-maxOutputCharacters);
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout = keep(stdout, text)));
  const lines = onErrorLine === undefined ? undefined : createInterface({ input: child.stderr, crlfDelay: Infinity });
  if (onErrorLine) lines?.on('line', onErrorLine);
  else child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = keep(stderr, text)));
  const timers: NodeJS.Timeout[] = [];
  const interrupt = (): void => {
    child.kill('SIGINT');
    timers.push(setTimeout(() => child.kill('SIGKILL'), graceMs));
  };
  signal?.addEventListener('abort', interrupt, { once: true });
  if (timeoutMs !== undefined) {
    timers.push(
      setTimeout(() => {
        timeout.abort();
        child.kill('SIGKILL');
      }, timeoutMs),
    );
  }
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    signal?.throwIfAborted();
    return timeout.signal.aborted ? { kind: 'timeout' } : { kind: 'ended', exitCode, stdout, stderr };
  } catch (error) {
    signal?.throwIfAborted();
    return { kind: 'not-started', cause: error as Error };
  } finally {
    signal?.removeEventListener('abort', interrupt);
    for (const timer of timers) clearTimeout(timer);
    lines?.close();
  }
}
