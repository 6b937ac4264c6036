import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { referenceInStore, type CacheSource } from '../cache/location';
import { readStoredCache, type StoredCache } from '../cache/read-cache';
import type { ContentStore } from '../content/contract';
import { DirectoryStore } from '../content/directory-store';
import { CodedError } from '../diagnostics/coded-error';
import { formatDiagnostics } from '../diagnostics/format-diagnostics';
import { inVertex } from '../engine/embedded/progress-vertex';
import { RegistryStores } from '../engine/embedded/registry-stores';
import { createPrinter } from '../progress/create-printer';
import type { ProgressSink, VertexEvent } from '../progress/event';
import type { CacheTaskPlan, CacheTaskPlanResult } from '../workspace/cache-task-plan';
import type { Invocation } from '../workspace/invocation';
import { describeFailure } from './describe-failure';
import type { TaskHost } from './executor-host';
import { isSet } from './is-set';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A cache that a task needs is not there. */
    CACHE_NOT_FOUND: { readonly location: string };
  }
}

/** What a task on caches works with. */
export interface CacheTools {
  readonly signal: AbortSignal;
  readonly progress: ProgressSink;
  readonly now: () => number;
  readonly storeOf: (source: CacheSource) => ContentStore;
  /** Rejects with `CACHE_NOT_FOUND` where there is none. */
  readonly read: (source: CacheSource) => Promise<StoredCache>;
  /** Shows a part of the task. */
  readonly inVertex: <T>(name: string, part: (vertex: VertexEvent) => Promise<T>) => Promise<T>;
  /** A directory that is removed with all that is in it when the task ends; made by whoever writes into it. */
  readonly temporaryDirectory: string;
}

/**
 * Checks options, does the work with its progress shown, prints what it gives. Never throws: what goes wrong is
 * printed.
 */
export async function runCacheTask<P extends CacheTaskPlan>(
  result: CacheTaskPlanResult<P>,
  { invocation, host }: { readonly invocation: Invocation; readonly host: TaskHost },
  work: (plan: P, tools: CacheTools) => Promise<string | undefined>,
): Promise<{ readonly success: boolean }> {
  const print = (text: string): void => host.write(`${text}\n`);
  const diagnostics = result.ok ? result.warnings : result.diagnostics;
  if (diagnostics.length > 0) print(formatDiagnostics(diagnostics));
  if (!result.ok) return { success: false };
  try {
    const text = await withTools(result.plan, invocation, host, (tools) => work(result.plan, tools));
    if (text !== undefined) print(text);
    return { success: true };
  } catch (error) {
    print(describeFailure(error, { ...host, task: 'the task' }));
    return { success: false };
  }
}

async function withTools<T>(
  plan: CacheTaskPlan,
  { env, homeDirectory }: Invocation,
  host: TaskHost,
  work: (tools: CacheTools) => Promise<T>,
): Promise<T> {
  const { now, signal } = host;
  const printer = createPrinter({
    mode: plan.progress,
    isTerminal: host.isTerminal,
    isCi: isSet(env['CI']),
    size: host.terminalSize,
    write: host.write,
    now,
    redact: (text) => text,
  });
  const temporaryDirectory = await mkdtemp(join(host.temporaryDirectory, 'nx-registry-cache-'));
  try {
    await using registries = await RegistryStores.open({ env, homeDirectory, insecure: plan.insecureRegistries, now });
    const storeOf = (source: CacheSource): ContentStore =>
      source.type === 'registry' ? registries.repository(source.reference) : new DirectoryStore(source.directory);
    const progress = printer.sink;
    return await work({
      signal,
      progress,
      now,
      storeOf,
      temporaryDirectory,
      inVertex: (name, part) => inVertex(name, { progress, now }, part),
      read: (source) =>
        inVertex(`reading cache ${source.location}`, { progress, now }, async () => {
          const found = await readStoredCache(storeOf(source), referenceInStore(source), { signal });
          if (found) return found;
          const { location } = source;
          throw new CodedError('CACHE_NOT_FOUND', `there is no cache ${location}`, { location });
        }),
    });
  } finally {
    printer.close();
    await rm(temporaryDirectory, { recursive: true, force: true });
  }
}
