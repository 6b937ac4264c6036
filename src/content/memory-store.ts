import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Descriptor } from '../oci/descriptor';
import { digestOf, isDigest, type Digest } from '../oci/digest';
import { abortReasonOr, blobMissing } from './content-errors';
import type {
  BlobSource,
  CallOptions,
  ContentStore,
  OpenOptions,
  PutOptions,
  PutOutcome,
  StoredManifest,
} from './contract';
import { countingBytes } from './counting';
import { verifiedStream, verifying } from './verify';

/** A content store that lives and dies with the process. For what is small: it keeps every byte in memory. */
export class MemoryStore implements ContentStore {
  readonly name: string;
  readonly #blobs = new Map<Digest, Buffer>();
  readonly #manifests = new Map<Digest, StoredManifest>();
  readonly #tags = new Map<string, Digest>();

  constructor(name = 'memory') {
    this.name = name;
  }

  has(descriptor: Descriptor, options?: CallOptions): Promise<boolean> {
    return settle(options, () => this.#blobs.get(descriptor.digest)?.byteLength === descriptor.size);
  }

  open(descriptor: Descriptor, options?: OpenOptions): Promise<Readable> {
    return settle(options, () => {
      const bytes = this.#blobs.get(descriptor.digest);
      if (bytes === undefined) throw blobMissing(this.name, descriptor);
      const { range } = options ?? {};
      if (range !== undefined) return Readable.from([bytes.subarray(range.start, range.end)], { objectMode: false });
      const source = Readable.from([bytes], { objectMode: false });
      return verifiedStream(source, descriptor, {
        store: this.name,
        ...(options?.signal && { signal: options.signal }),
      });
    });
  }

  async put(descriptor: Descriptor, source: BlobSource, options?: PutOptions): Promise<PutOutcome> {
    if (await this.has(descriptor, options)) return 'already-present';
    const chunks: Buffer[] = [];
    try {
      const verified = verifying(descriptor, { store: `what was given to ${this.name}` });
      await pipeline(
        await source(options),
        verified,
        countingBytes(options?.onBytes),
        async (bytes: AsyncIterable<Buffer>) => {
          for await (const chunk of bytes) chunks.push(chunk);
        },
        { ...(options?.signal && { signal: options.signal }) },
      );
    } catch (error) {
      throw abortReasonOr(error, options?.signal);
    }
    this.#blobs.set(descriptor.digest, Buffer.concat(chunks));
    return 'written';
  }

  async resolve(reference: string, options?: CallOptions): Promise<Descriptor | undefined> {
    return (await this.getManifest(reference, options))?.descriptor;
  }

  getManifest(reference: string, options?: CallOptions): Promise<StoredManifest | undefined> {
    return settle(options, () => {
      const digest = isDigest(reference) ? reference : this.#tags.get(reference);
      return digest === undefined ? undefined : this.#manifests.get(digest);
    });
  }

  putManifest(
    manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
    options?: CallOptions & { readonly tag?: string },
  ): Promise<Descriptor> {
    return settle(options, () => {
      const bytes = Buffer.from(manifest.bytes);
      const descriptor = { mediaType: manifest.mediaType, digest: digestOf(bytes), size: bytes.byteLength };
      this.#manifests.set(descriptor.digest, { descriptor, bytes });
      if (options?.tag !== undefined) this.#tags.set(options.tag, descriptor.digest);
      return descriptor;
    });
  }

  async *tags(options?: CallOptions): AsyncGenerator<string> {
    for (const tag of [...this.#tags.keys()].sort()) yield await settle(options, () => tag);
  }

  deleteManifest(reference: string, options?: CallOptions): Promise<boolean> {
    return settle(options, () => {
      if (!isDigest(reference)) return this.#tags.delete(reference);
      for (const [tag, digest] of this.#tags) if (digest === reference) this.#tags.delete(tag);
      return this.#manifests.delete(reference);
    });
  }

  deleteBlob(descriptor: Descriptor, options?: CallOptions): Promise<boolean> {
    return settle(options, () => this.#blobs.delete(descriptor.digest));
  }
}

/** Does `work` at once, with the manners of an asynchronous call: aborts and errors become rejections. */
function settle<T>(options: CallOptions | undefined, work: () => T): Promise<T> {
  return new Promise((resolve) => {
    options?.signal?.throwIfAborted();
    resolve(work());
  });
}
