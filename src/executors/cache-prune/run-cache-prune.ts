import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomically } from '../../content/atomic-file';
import { CodedError } from '../../diagnostics/coded-error';
import { unreachable } from '../../diagnostics/unreachable';
import { formatReference } from '../../oci/reference';
import type { PruneReport } from '../../stage-refs/prune/contract';
import { prune } from '../../stage-refs/prune/prune';
import type { CachePruneOptions } from '../../workspace/cache-task-options';
import { planCachePrune, type CachePrunePlan } from '../../workspace/cache-prune-plan';
import type { Invocation } from '../../workspace/invocation';
import { describeFailure } from '../describe-failure';
import type { TaskHost } from '../executor-host';
import { runCacheTask, type CacheTools } from '../run-cache-task';
import { pruneJson } from './prune-json';
import { formatPruneReport } from './prune-table';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    /** The registry does not delete by the distribution API, or not for these credentials. */
    CACHE_DELETE_REFUSED: { readonly repository: string; readonly tags: number };
    /** Single tags could not be deleted. */
    CACHE_DELETE_FAILED: { readonly repository: string; readonly tags: number };
  }
}

/** Manifests between two lines of progress. */
const progressStep = 100;

/**
 * Checks options, looks, deletes if it is told to, prints or writes the report. Never throws: what goes wrong is printed.
 * No success if something that was to go is still there.
 */
export async function runCachePrune(
  options: CachePruneOptions,
  context: { readonly invocation: Invocation; readonly host: TaskHost },
): Promise<{ readonly success: boolean }> {
  // JSON that is printed is nothing but JSON.
  const isPrintedJson = options.format === 'json' && options.outputFile === undefined;
  const given: CachePruneOptions = isPrintedJson ? { ...options, progress: 'quiet' } : options;
  let failure: CodedError | undefined;
  const { success } = await runCacheTask(planCachePrune(given, context.invocation), context, async (plan, tools) => {
    const report = await pruneRepository(plan, tools);
    failure = failureOf(report);
    return publish(report, plan, tools);
  });
  if (!failure) return { success };
  const { host } = context;
  if (!isPrintedJson) host.write(`${describeFailure(failure, { ...host, task: 'the task' })}\n`);
  return { success: false };
}

/** What keeps tags there that were to go. */
function failureOf({ remedy, repository, tags }: PruneReport): CodedError | undefined {
  const left = tags.filter(({ outcome }) => outcome?.kind === 'failed' || outcome?.kind === 'refused');
  const refusal = left.find(({ outcome }) => outcome?.kind === 'refused')?.outcome;
  const options = { ...(remedy !== undefined && { hint: remedy }) };
  if (refusal?.kind === 'refused') {
    const message = `${repository}: the registry refuses to delete: ${refusal.message}`;
    return new CodedError('CACHE_DELETE_REFUSED', message, { repository, tags: left.length }, options);
  }
  if (left.length === 0) return undefined;
  const message = `${repository}: ${left.length} tags could not be deleted`;
  return new CodedError('CACHE_DELETE_FAILED', message, { repository, tags: left.length });
}

function pruneRepository(plan: CachePrunePlan, tools: CacheTools): Promise<PruneReport> {
  const { apply, repository, rules } = plan;
  const { now, progress, signal } = tools;
  const location = formatReference(repository);
  const store = tools.storeOf({ type: 'registry', reference: repository, insecure: false, location });
  return tools.inVertex(`${apply ? 'pruning' : 'reading'} ${location}`, (vertex) =>
    prune(store, {
      signal,
      rules,
      apply,
      now,
      host: repository.host,
      onProgress: (part, done, total) => {
        if (done % progressStep !== 0 && done !== total) return;
        const text = part === 'read' ? `${done} of ${total} tags read` : `${done} of ${total} tags done`;
        progress({ kind: 'log', vertex: vertex.digest, stream: 'stdout', data: Buffer.from(`${text}\n`), time: now() });
      },
    }),
  );
}

async function publish(report: PruneReport, plan: CachePrunePlan, tools: CacheTools): Promise<string> {
  const { outputFile } = plan;
  const nowMs = tools.now();
  const text = print(report, plan, nowMs);
  if (outputFile === undefined) return text;
  await mkdir(dirname(outputFile), { recursive: true });
  await writeFileAtomically(outputFile, Buffer.from(`${text}\n`), dirname(outputFile));
  // What is left to do is said on the terminal in any case.
  return formatPruneReport(report, nowMs, { summaryOnly: true });
}

function print(report: PruneReport, { format }: CachePrunePlan, nowMs: number): string {
  switch (format) {
    case 'table':
      return formatPruneReport(report, nowMs, { summaryOnly: false });
    case 'json':
      return JSON.stringify(pruneJson(report), undefined, 2);
    default:
      return unreachable(format);
  }
}
