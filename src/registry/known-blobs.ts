import type { Digest } from '../oci/digest';

/**
 * What this process has seen of the blobs of one registry: it saves asking again, and tells where a blob can be mounted
 * from. Nothing in it outlives the client.
 */
export class KnownBlobs {
  /** Repositories in which a blob was seen or put. */
  readonly #seen = new Map<Digest, Set<string>>();
  /** Repositories whose manifests point at a blob: most likely they have it, which is enough to try a mount. */
  readonly #listed = new Map<Digest, Set<string>>();
  /** Blobs that a registry could not give although it may say that it has them. */
  readonly #doubted = new Map<Digest, Set<string>>();
  /** By target: repositories that could not be mounted from. */
  readonly #unmountable = new Map<string, Set<string>>();

  add(digest: Digest, repository: string): void {
    addTo(this.#seen, digest, repository);
    this.#doubted.get(digest)?.delete(repository);
  }

  /** A manifest of the repository points at the blob. */
  list(digest: Digest, repository: string): void {
    addTo(this.#listed, digest, repository);
  }

  has(digest: Digest, repository: string): boolean {
    return this.#seen.get(digest)?.has(repository) === true;
  }

  /** The blob was deleted, or its presence has to be asked for again. */
  forget(digest: Digest, repository: string): void {
    this.#seen.get(digest)?.delete(repository);
  }

  /**
   * The registry could not give the blob, or said so when it was to take a manifest. Registries with caches of their own
   * go on claiming to have it (distribution after a garbage collection), so it is sent without asking.
   */
  doubt(digest: Digest, repository: string): void {
    this.forget(digest, repository);
    this.#listed.get(digest)?.delete(repository);
    addTo(this.#doubted, digest, repository);
  }

  isDoubted(digest: Digest, repository: string): boolean {
    return this.#doubted.get(digest)?.has(repository) === true;
  }

  /** Repositories of the registry, other than `target`, that have the blob and may be mounted from; the surest first. */
  mountSources(digest: Digest, target: string): readonly string[] {
    const all = new Set([...(this.#seen.get(digest) ?? []), ...(this.#listed.get(digest) ?? [])]);
    return [...all].filter((name) => name !== target && this.mayMount(name, target));
  }

  /** Nothing of `source` can be mounted into `target`: it may not be read, or mounts are not supported. */
  refuseMounts(source: string, target: string): void {
    addTo(this.#unmountable, target, source);
  }

  mayMount(source: string, target: string): boolean {
    return this.#unmountable.get(target)?.has(source) !== true;
  }
}

function addTo<K>(map: Map<K, Set<string>>, key: K, value: string): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([value]));
  else set.add(value);
}
