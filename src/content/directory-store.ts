import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isCodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import { algorithmOf, digestOf, hexOf, isDigest, type Digest } from '../oci/digest';
import { maxManifestBytes, parseManifest } from '../oci/manifest';
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
import { LayoutIndex } from './layout-index';
import { verifiedStream, verifyBytes, verifying } from './verify';

/** Bytes that are read or gathered for one call to the file system: each of them is a turn of the event loop. */
const bufferBytes = 512 * 1024;

/** Milliseconds without a write after which a blob's temporary file was left behind by a process that died. */
const abandonedAfterMs = 60 * 60 * 1000;

/**
 * A directory as OCI image layout (image-spec, image-layout.md), as BuildKit's `type=local` caches and `type=oci`
 * outputs are. Several processes may use one at the same time; a process that is killed leaves no half blob under a
 * blob's name and no half index. A blob that turns out to be corrupt when it is read is removed, so that the next `put`
 * repairs it. The directory is created by the first write.
 */
export class DirectoryStore implements ContentStore {
  readonly name: string;
  readonly #directory: string;
  readonly #index: LayoutIndex;
  #ready: Promise<void> | undefined;

  constructor(directory: string) {
    this.name = directory;
    this.#directory = directory;
    this.#index = new LayoutIndex(directory);
  }

  async has(descriptor: Descriptor, options?: CallOptions): Promise<boolean> {
    options?.signal?.throwIfAborted();
    return (await sizeOf(this.#blobPath(descriptor.digest))) === descriptor.size;
  }

  async open(descriptor: Descriptor, options?: OpenOptions): Promise<Readable> {
    options?.signal?.throwIfAborted();
    const path = this.#blobPath(descriptor.digest);
    const file = await open(path).catch((error: unknown) => {
      throw isNotFound(error) ? blobMissing(this.name, descriptor, error) : error;
    });
    const range = options?.range;
    const signal = options?.signal && { signal: options.signal };
    if (range !== undefined) {
      if (range.end !== undefined && range.end <= range.start) {
        await file.close();
        return Readable.from([]);
      }
      return file.createReadStream({
        start: range.start,
        ...(range.end !== undefined && { end: range.end - 1 }),
        ...signal,
      });
    }
    const verified = verifiedStream(file.createReadStream({ highWaterMark: bufferBytes }), descriptor, {
      store: this.name,
      ...signal,
    });
    verified.once('error', (error) => {
      if (isCodedError(error, 'BLOB_CORRUPT')) void rm(path, { force: true }).catch(() => undefined);
    });
    return verified;
  }

  async put(descriptor: Descriptor, source: BlobSource, options?: PutOptions): Promise<PutOutcome> {
    if (await this.has(descriptor, options)) return 'already-present';
    const verified = verifying(descriptor, { store: `what was given to ${this.name}` });
    try {
      await this.#write(descriptor.digest, async (temporary) => {
        await pipeline(
          await source(options),
          verified,
          countingBytes(options?.onBytes),
          // Without the flush, a crash of the machine can leave an empty file under the blob's name.
          createWriteStream(temporary, { flags: 'wx', flush: true, highWaterMark: bufferBytes }),
          { ...(options?.signal && { signal: options.signal }) },
        );
      });
    } catch (error) {
      throw abortReasonOr(error, options?.signal);
    }
    return 'written';
  }

  async resolve(reference: string, options?: CallOptions): Promise<Descriptor | undefined> {
    return (await this.getManifest(reference, options))?.descriptor;
  }

  async getManifest(reference: string, options?: CallOptions): Promise<StoredManifest | undefined> {
    options?.signal?.throwIfAborted();
    const entry = await this.#index.find(reference);
    const digest = entry?.digest ?? (isDigest(reference) ? reference : undefined);
    if (digest === undefined) return undefined;
    const path = this.#blobPath(digest);
    const size = await sizeOf(path);
    if (size === undefined || size > maxManifestBytes) return undefined;
    const bytes = await readFile(path, options);
    verifyBytes(bytes, { mediaType: '', digest, size: entry?.size ?? bytes.byteLength }, { store: this.name });
    const mediaType = entry?.mediaType ?? mediaTypeOf(bytes);
    if (mediaType === undefined) return undefined;
    return { descriptor: { mediaType, digest, size: bytes.byteLength }, bytes };
  }

  async putManifest(
    manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
    options?: CallOptions & { readonly tag?: string; readonly annotations?: Readonly<Record<string, string>> },
  ): Promise<Descriptor> {
    const { mediaType, bytes } = manifest;
    const descriptor: Descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
    await this.put(descriptor, () => Promise.resolve(Readable.from([bytes], { objectMode: false })), options);
    if (options?.tag !== undefined) {
      const { annotations } = options;
      await this.#index.point(options.tag, { ...descriptor, ...(annotations && { annotations }) }, options);
    }
    return descriptor;
  }

  async *tags(options?: CallOptions): AsyncGenerator<string> {
    options?.signal?.throwIfAborted();
    yield* await this.#index.tags();
  }

  /** A tag is only taken away from its manifest; a digest takes the manifest and all its tags. */
  async deleteManifest(reference: string, options?: CallOptions): Promise<boolean> {
    options?.signal?.throwIfAborted();
    const untagged = await this.#index.remove(reference, options);
    const removed = isDigest(reference) && (await removeFile(this.#blobPath(reference)));
    return untagged || removed;
  }

  async deleteBlob(descriptor: Descriptor, options?: CallOptions): Promise<boolean> {
    options?.signal?.throwIfAborted();
    return removeFile(this.#blobPath(descriptor.digest));
  }

  #blobPath(digest: Digest): string {
    if (!isDigest(digest)) throw new Error('a descriptor reached the store without its digest being checked');
    return join(this.#directory, 'blobs', algorithmOf(digest), hexOf(digest));
  }

  /** Lets `fill` write a file that nobody sees, and gives it the blob's name only if that succeeds. */
  async #write(digest: Digest, fill: (temporary: string) => Promise<void>): Promise<void> {
    this.#ready ??= this.#prepare();
    await this.#ready;
    const target = this.#blobPath(digest);
    const temporary = join(this.#index.ingestDirectory, randomUUID());
    await mkdir(dirname(target), { recursive: true });
    try {
      await fill(temporary);
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async #prepare(): Promise<void> {
    await this.#index.initialize();
    for (const name of await readdir(this.#index.ingestDirectory)) {
      const path = join(this.#index.ingestDirectory, name);
      const modified = await stat(path).then(
        (found) => found.mtimeMs,
        () => Number.POSITIVE_INFINITY,
      );
      if (Date.now() - modified > abandonedAfterMs) await rm(path, { force: true });
    }
  }
}

function mediaTypeOf(bytes: Buffer): string | undefined {
  try {
    return parseManifest(bytes).mediaType;
  } catch (error) {
    if (isCodedError(error, 'MANIFEST_INVALID')) return undefined;
    throw error;
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function removeFile(path: string): Promise<boolean> {
  try {
    await rm(path);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

function isNotFound(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
