import { randomUUID } from 'node:crypto';
import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isCodedError } from '../diagnostics/coded-error';
import { isDigest, type Digest } from '../oci/digest';
import { childrenOf, parseManifest } from '../oci/manifest';
import { garbageGraceMs, ifPresent, listDirectory, moveIntoPlace, removeFile } from './files';
import type { StorageLayout } from './layout';
import { ManifestStorage } from './manifest-storage';

export interface GarbageOptions {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly signal?: AbortSignal;
}

export interface GarbageReport {
  /** Blobs that repositories had for nothing. */
  readonly links: number;
  /** Blobs and manifests that no repository has, and the bytes in them. */
  readonly blobs: number;
  readonly bytes: number;
}

/**
 * Frees what nobody can reach any more: first each repository's blobs that none of its manifests lists, then bytes that
 * no repository has. Manifests stay, with and without tags, until somebody deletes them.
 *
 * It may run in any number of processes, beside any number that take uploads. What a client asked for, mounted or sent
 * is fresh for hours ({@link usedFileSize}), so that it has the time to push the manifest that lists it. What is old is
 * moved aside first and looked at once more: it is then either gone for whoever asks, who sends it again, or was used in
 * the last moment and comes back.
 *
 * A repository with a manifest that cannot be read keeps all its blobs.
 */
export async function collectGarbage(layout: StorageLayout, options: GarbageOptions): Promise<GarbageReport> {
  const collection = new Collection(layout, options);
  const repositories = await new ManifestStorage(layout).repositories();
  let links = 0;
  for (const repository of repositories) links += await collection.unlinkBlobs(repository);
  return { links, ...(await collection.removeBytes(repositories)) };
}

class Collection {
  readonly #manifests: ManifestStorage;
  readonly #oldestFreshMs: number;

  constructor(
    private readonly layout: StorageLayout,
    private readonly options: GarbageOptions,
  ) {
    this.#manifests = new ManifestStorage(layout);
    this.#oldestFreshMs = options.now - garbageGraceMs;
  }

  /** Takes blobs from the repository that its manifests do not list; how many. */
  async unlinkBlobs(repository: string): Promise<number> {
    const { layout } = this;
    const old = await this.#old(layout.blobLinks(repository), (digest) => layout.blobLink(repository, digest));
    if (old.length === 0) return 0;
    const listed = await this.#listed(repository);
    if (listed === undefined) return 0;
    let removed = 0;
    for (const digest of old.filter((each) => !listed.has(each))) {
      if ((await this.#remove(layout.blobLink(repository, digest))) !== undefined) removed++;
    }
    return removed;
  }

  async removeBytes(repositories: readonly string[]): Promise<Omit<GarbageReport, 'links'>> {
    const { layout } = this;
    const old = await this.#old(layout.blobs, (digest) => layout.blob(digest));
    const linked = new Set<Digest>();
    // Repositories that are new have nothing that was old before them, but what they mounted, which is fresh.
    for (const repository of repositories) {
      for (const folder of [layout.blobLinks(repository), layout.manifestLinks(repository)]) {
        for (const digest of await digestsIn(folder)) linked.add(digest);
      }
    }
    const sizes: number[] = [];
    for (const digest of old.filter((each) => !linked.has(each))) {
      const size = await this.#remove(layout.blob(digest));
      if (size !== undefined) sizes.push(size);
    }
    return { blobs: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
  }

  async #old(folder: string, pathOf: (digest: Digest) => string): Promise<readonly Digest[]> {
    const old: Digest[] = [];
    for (const digest of await digestsIn(folder)) {
      this.options.signal?.throwIfAborted();
      if (this.#isOld(await ifPresent(stat(pathOf(digest))))) old.push(digest);
    }
    return old;
  }

  #isOld(found: { readonly mtimeMs: number } | undefined): boolean {
    return found !== undefined && found.mtimeMs < this.#oldestFreshMs;
  }

  /** What the manifests of a repository list; undefined where one of them does not say. */
  async #listed(repository: string): Promise<ReadonlySet<Digest> | undefined> {
    const listed = new Set<Digest>();
    for (const digest of await digestsIn(this.layout.manifestLinks(repository))) {
      this.options.signal?.throwIfAborted();
      const found = await this.#manifests.find(repository, digest);
      const bytes = found && (await this.#manifests.read(digest));
      if (!found || !bytes) {
        // It was deleted meanwhile, or its bytes are lost.
        if ((await ifPresent(stat(this.layout.manifestLink(repository, digest)))) === undefined) continue;
        return undefined;
      }
      try {
        for (const child of childrenOf(parseManifest(bytes, found.mediaType))) listed.add(child.digest);
      } catch (error) {
        if (isCodedError(error, 'MANIFEST_INVALID')) return undefined;
        throw error;
      }
    }
    return listed;
  }

  /** Bytes of the file if it is gone for good; undefined if it was used in the last moment, or somebody was faster. */
  async #remove(path: string): Promise<number | undefined> {
    this.options.signal?.throwIfAborted();
    const aside = join(this.layout.temporary, randomUUID());
    await mkdir(this.layout.temporary, { recursive: true });
    if (!(await ifPresent(rename(path, aside).then(() => true)))) return undefined;
    const found = await ifPresent(stat(aside));
    if (found && !this.#isOld(found)) {
      await moveIntoPlace(aside, path);
      return undefined;
    }
    await removeFile(aside);
    return found?.size;
  }
}

/** Digests in a folder with a folder for each algorithm. */
async function digestsIn(folder: string): Promise<readonly Digest[]> {
  const found: Digest[] = [];
  for (const algorithm of await listDirectory(folder)) {
    for (const hex of await listDirectory(join(folder, algorithm))) {
      const digest = `${algorithm}:${hex}`;
      if (isDigest(digest)) found.push(digest);
    }
  }
  return found;
}
