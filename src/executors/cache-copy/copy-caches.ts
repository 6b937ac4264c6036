import { copyCache } from '../../cache/copy-cache';
import { droppedWarning } from '../../cache/dropped-warning';
import type { ExportCacheOutcome } from '../../cache/export-cache';
import { referenceInStore, type CacheSource, type StoredCacheTarget } from '../../cache/location';
import type { CacheInput } from '../../cache/merge-caches';
import { layerProgress } from '../../engine/embedded/layer-progress';
import type { Digest } from '../../oci/digest';
import type { VertexEvent } from '../../progress/event';
import { formatBytes } from '../../progress/quantities';
import type { CacheCopyPlan } from '../../workspace/cache-task-plan';
import type { CacheTools } from '../run-cache-task';

/** Writes the caches of a plan, merged into one, to each of its targets. Gives a line for each. */
export async function copyCaches(plan: CacheCopyPlan, tools: CacheTools): Promise<string> {
  const inputs: CacheInput[] = [];
  const repositories = new Map<Digest, string>();
  for (const source of plan.sources) {
    const provider = tools.storeOf(source);
    for (const part of (await tools.read(source)).parts) {
      inputs.push({ part, provider });
      if (source.type !== 'registry') continue;
      for (const digest of part.layers.keys()) repositories.set(digest, repositoryOf(source));
    }
  }
  const lines: string[] = [];
  for (const target of plan.targets) lines.push(await copyTo(target, { inputs, repositories }, tools));
  return lines.join('\n');
}

interface CopySource {
  readonly inputs: readonly CacheInput[];
  /** `host/repository` of the layers that lie in registries. */
  readonly repositories: ReadonlyMap<Digest, string>;
}

async function copyTo(target: StoredCacheTarget, source: CopySource, tools: CacheTools): Promise<string> {
  const { location } = target.destination;
  try {
    const outcome = await tools.inVertex(`writing cache ${location}`, (vertex) => write(target, source, tools, vertex));
    const warning = droppedWarning(location, outcome.dropped);
    if (warning) tools.progress(warning);
    return describe(location, outcome);
  } catch (error) {
    tools.signal.throwIfAborted();
    if (!target.ignoreError) throw error;
    const message = `cache ${location}: ${error instanceof Error ? error.message : String(error)}`;
    tools.progress({ kind: 'warning', code: 'CACHE_EXPORT_FAILED', message });
    return `${message} (ignored)`;
  }
}

function write(
  target: StoredCacheTarget,
  { inputs, repositories }: CopySource,
  tools: CacheTools,
  vertex: VertexEvent,
): Promise<ExportCacheOutcome> {
  const { destination } = target;
  const { onLayer, onBytes } = layerProgress(vertex, tools);
  const begun = new Map<Digest, number>();
  const own = destination.type === 'registry' ? repositoryOf(destination) : undefined;
  return copyCache(inputs, tools.storeOf(destination), {
    form: target,
    tag: referenceInStore(destination),
    temporaryDirectory: tools.temporaryDirectory,
    signal: tools.signal,
    onLayer,
    onBytes,
    mountFrom: ({ digest }) => mountable(repositories.get(digest), own),
    onConverted: ({ digest, size }, event) => {
      const started = begun.get(digest) ?? tools.now();
      begun.set(digest, started);
      if (event === 'started') return;
      const status = { kind: 'status', vertex: vertex.digest, started, completed: tools.now() } as const;
      tools.progress({ ...status, id: `convert ${digest}`, name: `converting layer ${digest}`, current: size });
    },
  });
}

/** The repository's path, if it is another one of the same registry. */
function mountable(from: string | undefined, to: string | undefined): string | undefined {
  if (from === undefined || to === undefined || from === to) return undefined;
  const [host = '', ...path] = from.split('/');
  return to.startsWith(`${host}/`) ? path.join('/') : undefined;
}

function repositoryOf({ reference }: Extract<CacheSource, { readonly type: 'registry' }>): string {
  return `${reference.host}/${reference.repository}`;
}

function describe(location: string, outcome: ExportCacheOutcome): string {
  if (outcome.kind === 'empty') return `cache ${location}: there is no layer to write`;
  const { bytesWritten, blobsWritten, layers, layerBytes, manifest } = outcome;
  const sent = `${formatBytes(bytesWritten)} in ${blobsWritten} blobs sent`;
  return `cache ${location}: ${layers} layers of ${formatBytes(layerBytes)}, ${sent}, ${manifest.digest}`;
}
