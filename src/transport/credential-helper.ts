import { spawn } from 'node:child_process';
import { CodedError } from '../diagnostics/coded-error';
import type { Credentials } from './credentials';
import { helperTimeoutMs, maxHelperOutputBytes } from './limits';
import { redactText } from './redact';
import './transport-errors';

export interface HelperCall {
  /** `osxkeychain` runs `docker-credential-osxkeychain`. */
  readonly helper: string;
  /** The key under which the helper keeps the credentials. */
  readonly server: string;
  /** The helper's environment; it is found on its `PATH`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** Default {@link helperTimeoutMs}. */
  readonly timeoutMs?: number;
}

const namePattern = /^[A-Za-z0-9._-]+$/;
/** What helpers print when they work but know nothing of the server (docker-credential-helpers, `credentials/error.go`). */
const notFoundPattern = /credentials not found in native keychain|no credentials server url|no credentials username/i;
/** The username that marks the secret as an identity token. */
const identityTokenUser = '<token>';

/**
 * Asks a Docker credential helper: no shell, the server on standard input, a bounded answer in bounded time.
 *
 * @returns undefined if the helper has nothing for the server.
 * @throws CodedError `CREDENTIALS_UNREADABLE` if it cannot be run or answers nonsense. What it printed on standard
 *   output is never repeated: it may be a secret.
 */
export async function askCredentialHelper(call: HelperCall): Promise<Credentials | undefined> {
  const program = `docker-credential-${call.helper}`;
  const fail = (reason: string, cause?: unknown): CodedError =>
    new CodedError(
      'CREDENTIALS_UNREADABLE',
      `credentials for ${call.server}: ${program} ${reason}`,
      { source: program, host: call.server, reason },
      { cause, hint: `check "credsStore" and "credHelpers" in Docker's config.json` },
    );
  if (!namePattern.test(call.helper)) throw fail('is not a helper’s name');
  const result = await runHelper(program, call).catch((error: unknown) => {
    call.signal?.throwIfAborted();
    throw fail(describeSpawnFailure(error), error);
  });
  if (result.kind === 'timeout') throw fail('did not answer in time');
  if (result.kind === 'too-much') throw fail(`printed more than ${maxHelperOutputBytes} bytes`);
  if (result.code !== 0) {
    if (notFoundPattern.test(result.stdout) || notFoundPattern.test(result.stderr)) return undefined;
    throw fail(`failed with exit code ${result.code}: ${redactText(result.stderr).trim().slice(0, 200)}`);
  }
  const { Username: username, Secret: secret } = parseAnswer(result.stdout) ?? {};
  if (typeof username !== 'string' || typeof secret !== 'string')
    throw fail('answered something other than credentials');
  if (secret === '') return undefined;
  if (username === identityTokenUser) return { kind: 'identity-token', username: '', token: secret };
  return { kind: 'password', username, password: secret };
}

type HelperResult =
  | { readonly kind: 'exit'; readonly code: number; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'too-much' };

function runHelper(
  program: string,
  { server, env, signal, timeoutMs = helperTimeoutMs }: HelperCall,
): Promise<HelperResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['get'], { env, shell: false, windowsHide: true, stdio: 'pipe', signal });
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    let total = 0;
    // Grandchildren may hold the pipes open, and with them this process: nobody waits for those.
    const letGo = (): void => {
      for (const stream of child.stdio) stream?.destroy();
    };
    const end = (kind: 'timeout' | 'too-much'): void => {
      child.kill('SIGKILL');
      letGo();
      resolve({ kind });
    };
    const timer = setTimeout(() => end('timeout'), timeoutMs);
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk: Buffer) => {
        total += chunk.byteLength;
        if (total > maxHelperOutputBytes) end('too-much');
        else output[name].push(chunk);
      });
    }
    child.once('error', (error) => {
      clearTimeout(timer);
      letGo();
      reject(error);
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      const [stdout, stderr] = [output.stdout, output.stderr].map((chunks) => Buffer.concat(chunks).toString('utf8'));
      resolve({ kind: 'exit', code: code ?? -1, stdout: stdout ?? '', stderr: stderr ?? '' });
    });
    // A helper that ends without reading is no failure of its own.
    child.stdin.on('error', () => undefined);
    child.stdin.end(server);
  });
}

function parseAnswer(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function describeSpawnFailure(error: unknown): string {
  const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  return missing ? 'is not installed (it is not on PATH)' : 'cannot be run';
}
