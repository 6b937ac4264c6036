import { referenceInStore, type CacheSource } from '../../cache/location';
import { copyGraph } from '../../content/copy';
import { DirectoryStore } from '../../content/directory-store';
import { formatBytes } from '../../progress/quantities';
import type { CacheImportOptions } from '../../workspace/cache-task-options';
import { planCacheImport, type CacheImportPlan } from '../../workspace/cache-task-plan';
import type { Invocation } from '../../workspace/invocation';
import type { TaskHost } from '../executor-host';
import { runCacheTask, type CacheTools } from '../run-cache-task';

/** Checks options, copies, prints. Never throws: what goes wrong is printed. */
export function runCacheImport(
  options: CacheImportOptions,
  context: { readonly invocation: Invocation; readonly host: TaskHost },
): Promise<{ readonly success: boolean }> {
  return runCacheTask(planCacheImport(options, context.invocation), context, importAll);
}

async function importAll(plan: CacheImportPlan, tools: CacheTools): Promise<string> {
  const lines: string[] = [];
  for (const source of plan.sources) lines.push(await importOne(source, plan, tools));
  return lines.join('\n');
}

/** Byte for byte, so that digests stay what they are, after a look at whether it is a cache at all. */
async function importOne(source: CacheSource, plan: CacheImportPlan, tools: CacheTools): Promise<string> {
  const { root } = await tools.read(source);
  const { location } = source;
  const tag = plan.tag ?? tagOf(source);
  let blobs = 0;
  let bytes = 0;
  await tools.inVertex(`copying ${location} to ${plan.directory}`, (vertex) =>
    copyGraph({ source: tools.storeOf(source), target: new DirectoryStore(plan.directory) }, root.digest, {
      signal: tools.signal,
      tag,
      foreignLayers: true,
      onBlob: ({ digest, size }, outcome) => {
        const present = outcome === 'already-present';
        blobs++;
        if (!present) bytes += size;
        const name = present ? `blob ${digest} is there already` : `copying blob ${digest}`;
        const time = tools.now();
        const status = { kind: 'status', vertex: vertex.digest, id: digest, total: size } as const;
        tools.progress({ ...status, name, current: present ? 0 : size, started: time, completed: time });
      },
    }),
  );
  return `${location}: ${blobs} blobs, ${formatBytes(bytes)} copied, as ${tag} in ${plan.directory}, ${root.digest}`;
}

/** Of a cache that is named by its digest alone, BuildKit's default. */
function tagOf(source: CacheSource): string {
  const tag = source.type === 'registry' ? source.reference.tag : source.tag;
  return tag ?? (source.type === 'local' ? referenceInStore(source) : 'latest');
}
