import { uncompressedAnnotation, type RecordSource, type Remote } from '../cache/contract';
import type { CallOptions, ContentStore } from '../content/contract';
import { CodedError, isCodedError } from '../diagnostics/coded-error';
import { writeImage } from '../builder/exporters/write-image';
import { importCache } from '../cache/import-cache';
import type { BuildRequest, CacheSource } from '../engine/contract';
import { referenceInStore } from '../cache/location';
import { finishedConfig } from '../engine/embedded/finished-config';
import { annotationsAt } from '../engine/image-annotations';
import type { Conversion } from '../llb/conversion';
import { isDigest } from '../oci/digest';
import type { Descriptor } from '../oci/descriptor';
import type { Reference } from '../oci/reference';
import { solve } from '../solver/solve';
import type { VerifyMode } from './contract';
import { RemoteResult, type ProbeWorker } from './probe-worker';

const createdAtAnnotation = 'buildkit/createdat';
const distributionSource = 'containerd.io/distribution.source.';

export interface FindLayersOptions extends CallOptions {
  readonly worker: ProbeWorker;
  readonly store: (source: CacheSource) => ContentStore;
  readonly verify: VerifyMode;
  readonly now: () => number;
}

/**
 * Walks the records of caches, whoever wrote them, for the layers of a build's result. Undefined where a step is in none
 * of them, or where that cannot be told without reading layers; `CACHED_LAYER_MISSING` where only lost layers are to
 * blame. Caches that cannot be read are passed over in silence:
 * the build that then comes says so.
 */
export async function findLayers(
  conversion: Conversion,
  caches: readonly CacheSource[],
  options: FindLayersOptions,
): Promise<Remote | undefined> {
  const { root } = conversion;
  if (!root) return undefined;
  const call = options.signal ? { signal: options.signal } : {};
  const imported = await Promise.all(
    caches.map(async (cache) => {
      const store = options.store(cache);
      const readable = options.verify === 'blobs' ? store : trusting(store);
      return importCache(readable, referenceInStore(cache), { ...call, name: cache.location });
    }),
  );
  const sources = imported.flatMap((outcome): RecordSource[] => (outcome.kind === 'imported' ? [outcome.source] : []));
  let lost: string | undefined;
  try {
    const { results } = await solve([root], {
      ...call,
      worker: options.worker,
      sources,
      progress: (event) => {
        if (event.kind === 'warning' && event.code === 'CACHED_RESULT_UNUSABLE') lost ??= event.message;
      },
      now: options.now,
    });
    const [result] = results;
    return result instanceof RemoteResult ? withSources(result.remote, caches) : undefined;
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!isCodedError(error, 'VERTEX_FAILED', 'BUILDER_NEEDED')) throw error;
    if (lost === undefined) return undefined;
    const source = caches.map(({ location }) => location).join(', ');
    throw new CodedError('CACHED_LAYER_MISSING', lost, { source, digests: [] }, { cause: error });
  }
}

/** Writes the image that a conversion's target is with these layers, and gives its descriptor. */
export async function assembleImage(
  conversion: Conversion,
  remote: Remote,
  options: CallOptions & {
    readonly request: BuildRequest;
    readonly store: ContentStore;
    readonly tag: string | undefined;
    readonly now: () => number;
  },
): Promise<{ readonly manifest: Descriptor; readonly config: Descriptor } | undefined> {
  const { request, store, tag } = options;
  const output = request.outputs.find((each) => each.type === 'image');
  if (output?.type !== 'image' || output.forceCompression === true) return undefined;
  if ((request.attestations ?? []).length > 0) return undefined;
  const layers = remote.descriptors.map(({ annotations }) => {
    const diffId = annotations?.[uncompressedAnnotation];
    const createdAt = annotations?.[createdAtAnnotation];
    return isDigest(diffId) ? { diffId, ...(createdAt !== undefined && { createdAt }) } : undefined;
  });
  const known = layers.filter((layer) => layer !== undefined);
  if (known.length < layers.length) return undefined;
  const config = finishedConfig(conversion, known, options.now());
  const { ociMediaTypes } = output;
  const annotations = annotationsAt(request, 'manifest', conversion.target?.platform);
  return writeImage({ config, remote }, store, {
    ...(options.signal && { signal: options.signal }),
    ociMediaTypes,
    ...(annotations && { annotations }),
    tags: tag === undefined ? [] : [tag],
  });
}

/** Notes in the descriptors where a registry can mount the layers from. */
function withSources(remote: Remote, caches: readonly CacheSource[]): Remote {
  const references = caches.flatMap((cache): Reference[] => (cache.type === 'registry' ? [cache.reference] : []));
  const byHost = new Map<string, Set<string>>();
  for (const { host, repository } of references) {
    byHost.set(host, (byHost.get(host) ?? new Set()).add(repository));
  }
  const notes = Object.fromEntries(
    [...byHost].map(([host, repositories]) => [distributionSource + host, [...repositories].join(',')]),
  );
  const descriptors = remote.descriptors.map((layer) => ({
    ...layer,
    annotations: { ...layer.annotations, ...notes },
  }));
  return { ...remote, descriptors };
}

/** The store, for whoever believes that it has what its manifests list. */
function trusting(store: ContentStore): ContentStore {
  return {
    name: store.name,
    has: () => Promise.resolve(true),
    open: (...args) => store.open(...args),
    put: (...args) => store.put(...args),
    resolve: (...args) => store.resolve(...args),
    getManifest: (...args) => store.getManifest(...args),
    putManifest: (...args) => store.putManifest(...args),
    tags: (...args) => store.tags(...args),
    deleteManifest: (...args) => store.deleteManifest(...args),
    deleteBlob: (...args) => store.deleteBlob(...args),
  };
}
