import type { ExecutorContext } from '@nx/devkit';
import type { RegistryExecutorOptions } from './registry-options';
import { serveRegistry, type RegistryExecutorEvent } from './serve-registry';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The executor `nx-registry-cache:registry`: an OCI registry on this machine, for as long as other tasks need it. */
export default async function* registry(
  options: RegistryExecutorOptions,
  context: ExecutorContext,
): AsyncGenerator<RegistryExecutorEvent> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  for (const signal of signals) process.once(signal, interrupt);
  try {
    yield* serveRegistry(options, {
      workspaceRoot: context.root,
      write: (text) => void process.stdout.write(text),
      signal: stop.signal,
    });
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
  }
}
