import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import { isDigest, type Digest } from '../oci/digest';
import { parseImageIndex, serializeManifest, type ImageIndex } from '../oci/manifest';
import { mediaTypes } from '../oci/media-types';
import { writeFileAtomically } from './atomic-file';
import './content-errors';
import type { CallOptions } from './contract';
import { withLockFile } from './directory-lock';
import { Limiter } from './limiter';

/** OCI image-spec, annotations.md: the name of a manifest in a layout. BuildKit puts the tag alone there. */
export const refNameAnnotation = 'org.opencontainers.image.ref.name';
/** What containerd and BuildKit add: the full reference, such as `docker.io/library/app:1`. */
export const imageNameAnnotation = 'io.containerd.image.name';

const layoutFile = 'oci-layout';
const indexFile = 'index.json';
const lockFile = 'index.json.lock';
const layoutVersion = '1.0.0';
const emptyIndex: ImageIndex = { kind: 'index', mediaType: mediaTypes.ociIndex, manifests: [] };

/** `index.json` of an OCI image layout: its tags. Updates of several processes do not lose each other's entries. */
export class LayoutIndex {
  /** Where files are written before they get their names. Everything in it is rubbish after a crash. */
  readonly ingestDirectory: string;
  readonly #directory: string;
  /** Spares this process from waiting for itself at the lock file. */
  readonly #ownTurn = new Limiter(1);

  constructor(directory: string) {
    this.#directory = directory;
    this.ingestDirectory = join(directory, 'ingest');
  }

  /** The entry for a tag, a full image name or a digest. Of several the last one, which is the newest. */
  async find(reference: string): Promise<Descriptor | undefined> {
    const { manifests } = await this.#read();
    if (isDigest(reference)) return manifests.findLast((entry) => entry.digest === reference);
    return (
      manifests.findLast((entry) => entry.annotations?.[refNameAnnotation] === reference) ??
      manifests.findLast((entry) => entry.annotations?.[imageNameAnnotation] === reference)
    );
  }

  async tags(): Promise<readonly string[]> {
    const names = (await this.#read()).manifests.map((entry) => entry.annotations?.[refNameAnnotation]);
    return [...new Set(names.filter((name) => name !== undefined))].sort();
  }

  /** Points `tag` at a manifest, in place of the one it pointed at. */
  async point(tag: string, descriptor: Descriptor, options?: CallOptions): Promise<void> {
    const { annotations, mediaType, digest, size } = descriptor;
    const entry: Descriptor = { mediaType, digest, size, annotations: { ...annotations, [refNameAnnotation]: tag } };
    await this.#update((entries) => [...entries.filter((other) => !isTagged(other, tag)), entry], options);
  }

  /** Removes a tag, or every entry of a digest. False if there was none. */
  async remove(reference: string | Digest, options?: CallOptions): Promise<boolean> {
    const matches = (entry: Descriptor): boolean =>
      isDigest(reference) ? entry.digest === reference : isTagged(entry, reference);
    if (!(await this.#read()).manifests.some(matches)) return false;
    let removed = false;
    await this.#update((entries) => {
      const left = entries.filter((entry) => !matches(entry));
      removed = left.length < entries.length;
      return left;
    }, options);
    return removed;
  }

  /** Makes the directory a layout if it is none yet. */
  async initialize(): Promise<void> {
    await mkdir(this.ingestDirectory, { recursive: true });
    if ((await this.#readFile(layoutFile)) !== undefined) return;
    const content = JSON.stringify({ imageLayoutVersion: layoutVersion });
    await this.#write(layoutFile, Buffer.from(content));
  }

  async #update(
    change: (entries: readonly Descriptor[]) => readonly Descriptor[],
    options?: CallOptions,
  ): Promise<void> {
    await this.initialize();
    const rewrite = async (): Promise<void> => {
      const index = await this.#read();
      options?.signal?.throwIfAborted();
      await this.#write(indexFile, serializeManifest({ ...index, manifests: change(index.manifests) }));
    };
    await this.#ownTurn.run(() => withLockFile(join(this.#directory, lockFile), rewrite, options), options?.signal);
  }

  async #read(): Promise<ImageIndex> {
    const layout = await this.#readFile(layoutFile);
    if (layout !== undefined && !hasKnownVersion(layout))
      throw this.#invalid(`${layoutFile} is not of version ${layoutVersion}`);
    const bytes = await this.#readFile(indexFile);
    if (bytes === undefined) return emptyIndex;
    try {
      return parseImageIndex(bytes);
    } catch (error) {
      throw this.#invalid(`${indexFile}: ${(error as Error).message}`, error);
    }
  }

  async #write(name: string, bytes: Uint8Array): Promise<void> {
    await writeFileAtomically(join(this.#directory, name), bytes, this.ingestDirectory);
  }

  async #readFile(name: string): Promise<Buffer | undefined> {
    try {
      return await readFile(join(this.#directory, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  #invalid(reason: string, cause?: unknown): CodedError<'LAYOUT_INVALID'> {
    const directory = this.#directory;
    const message = `${directory} is not an OCI image layout: ${reason}`;
    return new CodedError('LAYOUT_INVALID', message, { directory, reason }, { cause });
  }
}

function isTagged(entry: Descriptor, tag: string): boolean {
  return entry.annotations?.[refNameAnnotation] === tag;
}

function hasKnownVersion(bytes: Buffer): boolean {
  try {
    const layout = JSON.parse(bytes.toString()) as { readonly imageLayoutVersion?: unknown } | null;
    return layout?.imageLayoutVersion === layoutVersion;
  } catch {
    return false;
  }
}
