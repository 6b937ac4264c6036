import type { ResolveRemote } from '../../cache/collect-export';
import type { ExportLayer } from '../../cache/layer-chains';
import type { BlobReader, CallOptions } from '../../content/contract';
import { Limiter } from '../../content/limiter';
import type { Digest } from '../../oci/digest';
import type { SolverResult } from '../../solver/contract';

/** Layers that are asked for at a time. */
const concurrentChecks = 8;

export interface LayerSurvey {
  /** What the store has. */
  readonly stored: ReadonlySet<Digest>;
  /** What neither the store has nor wherever the layer was to come from. */
  readonly lost: ReadonlySet<Digest>;
}

/** Asks for each layer, whatever was said of it before. */
export async function surveyLayers(
  layers: Iterable<ExportLayer>,
  store: BlobReader,
  { signal }: CallOptions,
): Promise<LayerSurvey> {
  const call = signal ? { signal } : {};
  const limiter = new Limiter(concurrentChecks);
  const stored = new Set<Digest>();
  const lost = new Set<Digest>();
  const check = async ({ descriptor, provider }: ExportLayer): Promise<void> => {
    if (await store.has(descriptor, call)) stored.add(descriptor.digest);
    else if (!(await provider.has(descriptor, call))) lost.add(descriptor.digest);
  };
  await Promise.all([...layers].map((layer) => limiter.run(() => check(layer), signal)));
  return { stored, lost };
}

/** Results that stand on a lost layer have none: their steps run again when somebody needs them. */
export function withoutLayers(
  resolve: ResolveRemote<SolverResult>,
  lost: ReadonlySet<Digest>,
): ResolveRemote<SolverResult> {
  return async (origin, options) => {
    const remote = await resolve(origin, options);
    return remote?.descriptors.some(({ digest }) => lost.has(digest)) === true ? undefined : remote;
  };
}
