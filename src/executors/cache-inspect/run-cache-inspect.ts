import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { inspectCaches, type CachesReport, type InspectedCache } from '../../cache/inspect-caches';
import type { CacheSource } from '../../cache/location';
import { writeFileAtomically } from '../../content/atomic-file';
import { isCodedError } from '../../diagnostics/coded-error';
import { unreachable } from '../../diagnostics/unreachable';
import { withTag } from '../../oci/reference';
import type { CacheInspectOptions, InspectFormat } from '../../workspace/cache-task-options';
import { planCacheInspect, type CacheInspectPlan } from '../../workspace/cache-task-plan';
import type { Invocation } from '../../workspace/invocation';
import type { TaskHost } from '../executor-host';
import { runCacheTask, type CacheTools } from '../run-cache-task';
import { reportPage } from './report-page';
import { formatReport } from './report-table';

/** Tags of one repository that are looked at. */
const MAX_TAGS = 1000;

/** Checks options, looks, prints or writes a file. Never throws: what goes wrong is printed. */
export function runCacheInspect(
  options: CacheInspectOptions,
  context: { readonly invocation: Invocation; readonly host: TaskHost },
): Promise<{ readonly success: boolean }> {
  // What is printed is the report: only a report that goes elsewhere leaves room for progress.
  const isPrinted = options.format !== 'html' && options.outputFile === undefined;
  const given: CacheInspectOptions = isPrinted ? { progress: 'quiet', ...options } : options;
  return runCacheTask(planCacheInspect(given, context.invocation), context, inspect);
}

async function inspect(plan: CacheInspectPlan, tools: CacheTools): Promise<string> {
  const caches: InspectedCache[] = [];
  for (const source of plan.sources) {
    for (const found of plan.allTags ? await everyTag(source, tools) : [source]) {
      caches.push(...(await look(found, { ...tools, isOptional: plan.allTags })));
    }
  }
  const report = inspectCaches(caches);
  const text = print(report, plan.format, tools.now());
  const { outputFile } = plan;
  if (outputFile === undefined) return text;
  await mkdir(dirname(outputFile), { recursive: true });
  await writeFileAtomically(outputFile, Buffer.from(`${text}\n`), dirname(outputFile));
  return `${report.caches.length} caches in ${outputFile}`;
}

async function look(
  source: CacheSource,
  tools: CacheTools & { readonly isOptional: boolean },
): Promise<readonly InspectedCache[]> {
  const { location } = source;
  try {
    const { parts } = await tools.read(source);
    const tag = source.type === 'registry' ? source.reference.tag : source.tag;
    return parts.map((part) => ({ location, part, ...(tag !== undefined && { tag }) }));
  } catch (error) {
    // Among all tags of a repository there may be images.
    if (tools.isOptional && isCodedError(error, 'CACHE_MANIFEST_INVALID')) return [];
    throw error;
  }
}

async function everyTag(source: CacheSource, tools: CacheTools): Promise<readonly CacheSource[]> {
  const found: CacheSource[] = [];
  for await (const tag of tools.storeOf(source).tags({ signal: tools.signal })) {
    if (found.length >= MAX_TAGS) {
      const message = `${source.location} has more than ${MAX_TAGS} tags; only the first are looked at`;
      tools.progress({ kind: 'warning', code: 'CACHE_TOO_MANY_TAGS', message });
      break;
    }
    found.push(withTagOf(source, tag));
  }
  return found;
}

function withTagOf(source: CacheSource, tag: string): CacheSource {
  if (source.type === 'local') {
    const { directory } = source;
    return { type: 'local', directory, tag, location: `${source.location}:${tag}` };
  }
  const reference = withTag(source.reference, tag);
  return { ...source, reference, location: `${reference.host}/${reference.repository}:${tag}` };
}

function print(report: CachesReport, format: InspectFormat, nowMs: number): string {
  switch (format) {
    case 'table':
      return formatReport(report, nowMs);
    case 'json':
      return JSON.stringify(report, undefined, 2);
    case 'html':
      return reportPage(report, nowMs);
    default:
      return unreachable(format);
  }
}
