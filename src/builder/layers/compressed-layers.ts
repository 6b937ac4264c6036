import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { uncompressedAnnotation } from '../../cache/contract';
import type { CompressionOptions, Compressor } from '../../compression/contract';
import { compressionOfMediaType, mediaTypeOfCompression } from '../../compression/layer-types';
import { writeFileAtomically } from '../../content/atomic-file';
import { blobMissing } from '../../content/content-errors';
import type { BlobReader, CallOptions } from '../../content/contract';
import { Limiter } from '../../content/limiter';
import { verifiedStream } from '../../content/verify';
import type { Descriptor } from '../../oci/descriptor';
import { algorithmOf, digestOf, finishDigest, hexOf, isDigest, type Digest } from '../../oci/digest';
import type { Remote } from '../../solver/contract';
import type { Layer, LayerBlob } from '../contract';
import { SharedTask } from '../../content/shared-task';
import { StagingFile } from './staging-file';

const createdAtAnnotation = 'buildkit/createdat';
/** Layers that are compressed at once. A compressor uses all cores; a second one fills its pauses. */
const CONCURRENT_LAYERS = 2;

export interface CompressedLayersOptions {
  /** Directory of the compressed blobs; made when the first one is written. */
  readonly directory: string;
  readonly compress: (options: CompressionOptions) => Compressor;
}

export interface RemoteOptions extends CallOptions {
  readonly compression: CompressionOptions;
  /** Every layer in this compression, even those that exist in another one. Default false. */
  readonly force?: boolean;
}

/** What is remembered of a compressed layer: enough to know the blob without reading it. */
interface KnownBlob {
  readonly digest: Digest;
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * Layers as blobs. One that exists in a registry already is used as it is, unless a compression is forced; the others
 * are compressed once, however many exports want them, and remembered for later builds.
 */
export class CompressedLayers implements BlobReader {
  readonly #options: CompressedLayersOptions;
  readonly #tasks = new Map<string, SharedTask<LayerBlob>>();
  readonly #limiter = new Limiter(CONCURRENT_LAYERS);

  constructor(options: CompressedLayersOptions) {
    this.#options = options;
  }

  /** Descriptors with the annotations of BuildKit's cache, and a reader for all of them. */
  async remoteOf(layers: readonly Layer[], options: RemoteOptions): Promise<Remote> {
    const blobs = await Promise.all(layers.map((layer) => this.blobOf(layer, options)));
    return {
      descriptors: blobs.map(({ descriptor }, index) => annotate(descriptor, layers[index])),
      provider: readerOf(blobs),
    };
  }

  blobOf(layer: Layer, options: RemoteOptions): Promise<LayerBlob> {
    const existing = existingBlob(layer, options);
    if (existing) return Promise.resolve(existing);
    const { type, level, reproducible } = options.compression;
    const key = digestOf(JSON.stringify([layer.diffId, type, level ?? null, reproducible ?? false]));
    let task = this.#tasks.get(key);
    if (!task) {
      const { compression } = options;
      task = new SharedTask((signal) => this.#compressed(layer, hexOf(key), { compression, signal }));
      this.#tasks.set(key, task);
    }
    return task.run(options);
  }

  async has(descriptor: Descriptor): Promise<boolean> {
    const found = await stat(this.#path(descriptor)).catch(() => undefined);
    return found?.size === descriptor.size;
  }

  async open(descriptor: Descriptor, options: CallOptions = {}): Promise<Readable> {
    if (!(await this.has(descriptor))) throw blobMissing(this.#options.directory, descriptor);
    const file = createReadStream(this.#path(descriptor), { highWaterMark: 256 * 1024 });
    return verifiedStream(file, descriptor, { ...options, store: this.#options.directory });
  }

  async #compressed(layer: Layer, key: string, options: RemoteOptions): Promise<LayerBlob> {
    const { directory } = this.#options;
    const { type } = options.compression;
    const mediaType = mediaTypeOfCompression(type);
    const record = join(directory, `${key}.json`);
    const known = await readKnown(record);
    if (known) {
      const descriptor = { mediaType, digest: known.digest, size: known.size, annotations: known.annotations };
      if (await this.has(descriptor)) return { descriptor, provider: this };
    }
    const descriptor = await this.#limiter.run(() => this.#compress(layer, mediaType, options), options.signal);
    const { digest, size, annotations = {} } = descriptor;
    await mkdir(directory, { recursive: true });
    await writeFileAtomically(record, Buffer.from(JSON.stringify({ digest, size, annotations })), directory);
    return { descriptor, provider: this };
  }

  async #compress(layer: Layer, mediaType: string, options: RemoteOptions): Promise<Descriptor> {
    const stored = await layer.load(options);
    const compressor = this.#options.compress(options.compression);
    const staging = await StagingFile.create(this.#options.directory);
    try {
      const hash = createHash('sha256');
      const write = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
        for await (const chunk of chunks) {
          hash.update(chunk);
          await staging.append(chunk);
        }
      };
      const tar = await stored.openTar(options);
      await pipeline(tar, compressor.stream, write, options.signal ? { signal: options.signal } : {});
      await staging.finish();
      const digest = finishDigest(hash);
      const { annotations } = compressor.summary();
      const descriptor = { mediaType, digest, size: staging.sizeBytes, annotations };
      await staging.publish(this.#path(descriptor));
      return descriptor;
    } catch (error) {
      await staging.discard();
      throw error;
    }
  }

  #path({ digest }: Descriptor): string {
    return join(this.#options.directory, `${algorithmOf(digest)}-${hexOf(digest)}`);
  }
}

/** A blob that exists somewhere and will do. */
function existingBlob(layer: Layer, { compression, force = false }: RemoteOptions): LayerBlob | undefined {
  const wanted = layer.blobs.find(({ descriptor }) => {
    // That a gzip blob is an estargz only its annotations say.
    const isEstargz = descriptor.annotations?.['containerd.io/snapshot/stargz/toc.digest'] !== undefined;
    const type = isEstargz ? 'estargz' : compressionOfMediaType(descriptor.mediaType);
    return type === compression.type;
  });
  // A level cannot be read off a blob, so one that was asked for means compressing anew.
  if (force) return compression.level === undefined ? wanted : undefined;
  return wanted ?? layer.blobs[0];
}

/**
 * The annotations that importers need, whatever the blob had. The diffID is that of the blob: an estargz made here has
 * its table of contents in the tar that it unpacks to, and says so itself.
 */
function annotate(descriptor: Descriptor, layer: Layer | undefined): Descriptor {
  if (!layer) return descriptor;
  return {
    ...descriptor,
    annotations: {
      [uncompressedAnnotation]: layer.diffId,
      ...descriptor.annotations,
      ...(layer.createdAt !== undefined && { [createdAtAnnotation]: layer.createdAt }),
    },
  };
}

function readerOf(blobs: readonly LayerBlob[]): BlobReader {
  const providers = new Map(blobs.map(({ descriptor, provider }) => [descriptor.digest, provider]));
  const providerOf = (descriptor: Descriptor): BlobReader => {
    const provider = providers.get(descriptor.digest);
    if (!provider) throw blobMissing('layers of this build', descriptor);
    return provider;
  };
  return {
    has: async (descriptor, options) => providerOf(descriptor).has(descriptor, options),
    open: async (descriptor, options) => providerOf(descriptor).open(descriptor, options),
  };
}

/** Undefined where there is no usable note, so that the layer is compressed again. */
async function readKnown(path: string): Promise<KnownBlob | undefined> {
  try {
    const known = JSON.parse(await readFile(path, 'utf8')) as Partial<KnownBlob> | null;
    return isDigest(known?.digest) && typeof known.size === 'number' ? (known as KnownBlob) : undefined;
  } catch {
    return undefined;
  }
}
