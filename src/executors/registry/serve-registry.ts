import { describeFailure } from '../describe-failure';
import { isLoopback } from '../../transport/hosts';
import { startRegistryServer } from '../../registry-server/server';
import { resolveRegistryOptions, type RegistryExecutorOptions } from './registry-options';

export interface ServeContext {
  readonly workspaceRoot: string;
  readonly write: (text: string) => void;
  /** Aborted when the registry is to stop. */
  readonly signal: AbortSignal;
}

/** What Nx learns from the executor: with `readyWhen: { signal: true }`, `baseUrl` becomes `NX_READY_URL`. */
export interface RegistryExecutorEvent {
  readonly success: boolean;
  readonly baseUrl?: string;
}

/** Serves a registry until the signal aborts. Yields once it listens, and `success: false` if that cannot be. */
export async function* serveRegistry(
  options: RegistryExecutorOptions,
  { workspaceRoot, write, signal }: ServeContext,
): AsyncGenerator<RegistryExecutorEvent> {
  const resolved = resolveRegistryOptions(options, workspaceRoot);
  if (!resolved.ok) {
    for (const { message, hint } of resolved.diagnostics) {
      write(`error: ${message}${hint === undefined ? '' : `; ${hint}`}\n`);
    }
    yield { success: false };
    return;
  }
  const { host, port, root } = resolved.settings;
  const server = await startRegistryServer({ root, host, port }).catch((error: unknown) => {
    write(`${describeFailure(error, { task: 'the registry', signal, isVerbose: false })}\n`);
  });
  if (server === undefined) {
    yield { success: false };
    return;
  }
  try {
    write(`registry listening on ${server.url}, content in ${root}\n`);
    if (!isLoopback(new URL(server.url))) write('warning: anyone who reaches this machine can read and write it\n');
    yield { success: true, baseUrl: server.url };
    await aborted(signal);
  } finally {
    await server.close();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
