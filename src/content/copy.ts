import { CodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import type { Digest } from '../oci/digest';
import { childrenOf, parseManifest } from '../oci/manifest';
import { isForeignLayer, isIndex, isManifest } from '../oci/media-types';
import { blobMissing } from './content-errors';
import type {
  BlobReader,
  BlobWriter,
  CallOptions,
  ManifestReader,
  ManifestWriter,
  Mounter,
  PutOptions,
  PutOutcome,
} from './contract';
import { Limiter } from './limiter';
import { stoppable } from './stoppable';

/** Levels of indexes in indexes. Real images have two. */
export const maxGraphDepth = 8;
/** Manifests and blobs that one copy visits. */
export const maxGraphNodes = 100_000;
/** Blobs that move at once, unless an option says otherwise. */
export const defaultCopyConcurrency = 4;

export interface CopyBlobOptions extends PutOptions {
  /** A repository of the target's registry that has the blob, if one is known: then it is mounted without moving. */
  readonly mountFrom?: string;
}

export interface CopyGraphOptions extends CallOptions {
  /** The tag to point at the copy when everything is there. */
  readonly tag?: string;
  readonly concurrency?: number;
  /** Where the target could mount a blob from. */
  readonly mountFrom?: (descriptor: Descriptor) => string | undefined;
  /** Layers that may not be redistributed are left out, as Docker does, unless this is true. */
  readonly foreignLayers?: boolean;
  readonly onBytes?: (bytes: number) => void;
  /** Called once for each blob, when it is in the target. */
  readonly onBlob?: (descriptor: Descriptor, outcome: PutOutcome) => void;
}

/** Whether a store can take over blobs from other repositories. */
export function isMounter(store: object): store is Mounter {
  return 'mount' in store && typeof store.mount === 'function';
}

/** Brings one blob into `target`: not at all if it is there, by mounting if that works, else byte by byte. */
export async function copyBlob(
  stores: { readonly source: BlobReader; readonly target: BlobWriter },
  descriptor: Descriptor,
  options?: CopyBlobOptions,
): Promise<PutOutcome> {
  const { source, target } = stores;
  if (options?.mountFrom !== undefined && isMounter(target)) {
    if (await target.mount(descriptor, options.mountFrom, options)) return 'mounted';
  }
  return target.put(descriptor, (open) => source.open(descriptor, open), options);
}

/**
 * Copies the manifest that `reference` stands for and everything below it. Each digest moves once, however often it
 * is pointed at; a manifest is written after all it points at, the tag last, so that nothing ever points at what is
 * not there. The first failure stops the rest; an error says itself which store it came from.
 *
 * @returns the descriptor of the copied manifest or index.
 * @throws CodedError `BLOB_MISSING` if the source lacks something, `MANIFEST_INVALID`, `CONTENT_GRAPH_INVALID`.
 */
export async function copyGraph(
  stores: { readonly source: GraphSource; readonly target: GraphTarget },
  reference: string | Digest,
  options: CopyGraphOptions = {},
): Promise<Descriptor> {
  const { signal, stop } = stoppable(options.signal);
  const walk = new GraphCopy(stores, { ...options, signal });
  try {
    return await walk.copyRoot(reference);
  } catch (error) {
    stop(error);
    await walk.settled();
    options.signal?.throwIfAborted();
    throw error;
  }
}

export type GraphSource = BlobReader & ManifestReader & { readonly name: string };
export type GraphTarget = BlobWriter & ManifestWriter;

class GraphCopy {
  readonly #stores: { readonly source: GraphSource; readonly target: GraphTarget };
  readonly #options: CopyGraphOptions & { readonly signal: AbortSignal };
  readonly #limiter: Limiter;
  /** Whoever comes first to a digest copies it; the others wait for that. */
  readonly #claimed = new Map<Digest, Promise<void>>();

  constructor(
    stores: { readonly source: GraphSource; readonly target: GraphTarget },
    options: CopyGraphOptions & { readonly signal: AbortSignal },
  ) {
    this.#stores = stores;
    this.#options = options;
    this.#limiter = new Limiter(options.concurrency ?? defaultCopyConcurrency);
  }

  async copyRoot(reference: string | Digest): Promise<Descriptor> {
    const { source } = this.#stores;
    const root = await source.resolve(reference, this.#options);
    if (root === undefined) {
      const message = `${source.name} has no manifest "${reference}"`;
      throw new CodedError('CONTENT_GRAPH_INVALID', message, { reason: 'the manifest is missing' });
    }
    await this.#copyManifest(root, { depth: 1, ...(this.#options.tag !== undefined && { tag: this.#options.tag }) });
    return root;
  }

  /** When nothing of this copy is under way any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#claimed.values());
  }

  async #copyManifest(descriptor: Descriptor, at: { readonly depth: number; readonly tag?: string }): Promise<void> {
    if (at.depth > maxGraphDepth) throw tooLarge(`indexes nest deeper than ${maxGraphDepth}`);
    const { source, target } = this.#stores;
    const stored = await this.#limiter.run(
      () => source.getManifest(descriptor.digest, this.#options),
      this.#options.signal,
    );
    if (stored === undefined) throw blobMissing(source.name, descriptor);
    const { bytes } = stored;
    const manifest = parseManifest(bytes, descriptor.mediaType);
    // No slot is held here: a parent that waited for its children with one could block them.
    await Promise.all(childrenOf(manifest).map((child) => this.#copyOnce(child, at.depth + 1)));
    const tag = at.tag === undefined ? {} : { tag: at.tag };
    await this.#limiter.run(
      () => target.putManifest({ mediaType: manifest.mediaType, bytes }, { signal: this.#options.signal, ...tag }),
      this.#options.signal,
    );
  }

  #copyOnce(descriptor: Descriptor, depth: number): Promise<void> {
    const claimed = this.#claimed.get(descriptor.digest);
    if (claimed !== undefined) return claimed;
    if (this.#claimed.size >= maxGraphNodes) throw tooLarge(`it has more than ${maxGraphNodes} blobs and manifests`);
    const nested = isManifest(descriptor.mediaType) || isIndex(descriptor.mediaType);
    const copy = nested ? this.#copyManifest(descriptor, { depth }) : this.#copyBlob(descriptor);
    this.#claimed.set(descriptor.digest, copy);
    return copy;
  }

  async #copyBlob(descriptor: Descriptor): Promise<void> {
    const { foreignLayers, mountFrom, onBlob, onBytes, signal } = this.#options;
    if (isForeignLayer(descriptor.mediaType) && foreignLayers !== true) return;
    const repository = mountFrom?.(descriptor);
    const outcome = await this.#limiter.run(
      () =>
        copyBlob(this.#stores, descriptor, {
          signal,
          ...(onBytes !== undefined && { onBytes }),
          ...(repository !== undefined && { mountFrom: repository }),
        }),
      signal,
    );
    onBlob?.(descriptor, outcome);
  }
}

function tooLarge(reason: string): CodedError<'CONTENT_GRAPH_INVALID'> {
  return new CodedError('CONTENT_GRAPH_INVALID', `the image is refused: ${reason}`, { reason });
}
