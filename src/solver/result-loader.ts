import type { Remote } from '../cache/contract';
import type { CallOptions } from '../content/contract';
import { Limiter } from '../content/limiter';
import { CodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import type { SolverResult, Worker } from './contract';
import type { Candidate } from './record-matcher';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A record was found, but its layers are not where the cache says. */
    CACHED_LAYER_MISSING: { readonly source: string; readonly digests: readonly string[] };
  }
}

/** Requests that ask a registry for layers at a time. */
const CONCURRENT_CHECKS = 8;

/**
 * Turns a candidate into a result. Layers of an import are asked for, not read; undefined means that layers of the local
 * store were cleaned up, which is no incident. Rejects with `CACHED_LAYER_MISSING` if a registry lost one.
 */
export async function loadCandidate<R extends SolverResult>(
  candidate: Candidate,
  worker: Worker<R>,
  options: CallOptions & { readonly description: string },
): Promise<R | undefined> {
  const origin = candidate.found.open();
  if (origin?.kind === 'layers') return worker.fromLayers?.(origin.diffIds, options.description);
  const missing = origin ? await missingLayers(origin.remote, options) : [];
  if (origin === undefined || missing.length > 0) {
    const digests = missing.map(({ digest }) => digest);
    const what = digests.length === 0 ? 'a layer that its manifest does not list' : digests.join(', ');
    throw new CodedError('CACHED_LAYER_MISSING', `${candidate.source} has lost ${what}`, {
      source: candidate.source,
      digests,
    });
  }
  return worker.fromRemote(origin.remote, options.description);
}

async function missingLayers(remote: Remote, options: CallOptions): Promise<readonly Descriptor[]> {
  const limiter = new Limiter(CONCURRENT_CHECKS);
  const callOptions = options.signal ? { signal: options.signal } : {};
  const present = await Promise.all(
    remote.descriptors.map((layer) => limiter.run(() => remote.provider.has(layer, callOptions), options.signal)),
  );
  return remote.descriptors.filter((_, index) => !present[index]);
}
