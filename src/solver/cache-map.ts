import type { CallOptions } from '../content/contract';
import { unreachable } from '../diagnostics/unreachable';
import type { Vertex } from '../llb/operation';
import { digestOf, type Digest } from '../oci/digest';
import { execCacheMap } from './cache-map-exec';
import { fileCacheMap } from './cache-map-file';
import { chainIdKey, gitKey, httpKey, imageKey, sourceDigest } from './cache-map-source';
import type { ContentSelector } from './content-selector';
import type { SolverResult, Worker } from './contract';
import { goJson, omitEmpty } from './go-json';

/** How an operation is cached (BuildKit `solver.CacheMap`). */
export interface CacheMap {
  /** Digest of the operation without its inputs; undefined for what no later build can match. */
  readonly digest: Digest | undefined;
  /** One per input of the vertex. */
  readonly inputs: readonly CacheMapInput[];
}

export interface CacheMapInput {
  /** Digest that narrows the input's definition-based key down to the paths that are used. */
  readonly selector?: Digest;
  /** What to hash for the content-based key; undefined where there is none. */
  readonly content?: readonly ContentSelector[];
}

/**
 * The key of an operation as far as it is known without asking anybody. A context has none, because BuildKit makes it
 * from the session; http and git sources have one only after {@link resolveSourceKey}.
 */
export function cacheMap(vertex: Vertex): CacheMap {
  const { operation } = vertex;
  switch (operation.kind) {
    case 'image':
      return { digest: sourceDigest(imageKey(operation)), inputs: [] };
    case 'local':
    case 'http':
    case 'git':
      return { digest: undefined, inputs: [] };
    case 'file':
      return fileCacheMap(operation, vertex.inputs.length);
    case 'exec':
      return execCacheMap(operation, vertex.inputs.length);
    case 'merge': {
      const inputs = operation.inputs.map((input) => ({ input: omitEmpty(input) }));
      const json = goJson({ Type: 'buildkit.merge.v0', Merge: { inputs: omitEmpty(inputs) } });
      return { digest: digestOf(json), inputs: vertex.inputs.map(() => ({})) };
    }
    default:
      return unreachable(operation);
  }
}

/**
 * The key of a source that takes the worker to find out: the layers of a base image (its second key, which survives a
 * new manifest around the same layers), the headers and bytes behind a URL, the commit of a git ref.
 */
export async function resolveSourceKey(
  vertex: Vertex,
  worker: Worker<SolverResult>,
  options?: CallOptions,
): Promise<Digest | undefined> {
  const { operation } = vertex;
  switch (operation.kind) {
    case 'image': {
      const key = chainIdKey(await worker.imageDiffIds(vertex, options));
      return key === undefined ? undefined : sourceDigest(key);
    }
    case 'http': {
      const identity = await worker.resolveHttp?.(vertex, options);
      return identity && sourceDigest(httpKey(operation, identity));
    }
    case 'git': {
      const identity = await worker.resolveGit?.(vertex, options);
      return identity && sourceDigest(gitKey(operation, identity));
    }
    default:
      return undefined;
  }
}
