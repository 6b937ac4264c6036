import type { CallOptions } from '../../content/contract';
import type { Vertex } from '../../llb/operation';
import type { Digest } from '../../oci/digest';
import type { GitIdentity, HttpIdentity } from '../../solver/contract';
import type { BaseImages } from './base-images';
import { resolveGit, type GitOptions } from './git-source';
import type { HttpSources } from './http-source';

/** Where the sources of a build are looked up. */
export interface SourceWorkerOptions {
  readonly images: BaseImages;
  readonly http: HttpSources;
  readonly git: GitOptions;
}

/** The part of a worker that says what sources are. It reads none of them. */
export abstract class SourceWorker {
  readonly #sources: SourceWorkerOptions;
  readonly #git = new Map<Digest, Promise<GitIdentity>>();

  protected constructor(sources: SourceWorkerOptions) {
    this.#sources = sources;
  }

  imageDiffIds(vertex: Vertex): Promise<readonly Digest[]> {
    if (vertex.operation.kind !== 'image') throw new Error(`${vertex.name} is not an image`);
    return Promise.resolve(this.#sources.images.byManifest(vertex.operation.manifest).config.rootfs.diff_ids);
  }

  resolveHttp(vertex: Vertex, options?: CallOptions): Promise<HttpIdentity> {
    if (vertex.operation.kind !== 'http') throw new Error(`${vertex.name} is not a URL`);
    return this.#sources.http.resolve(vertex.operation, options);
  }

  /** A repository is asked once for a vertex, since a branch may move while the build goes on. */
  resolveGit(vertex: Vertex, options?: CallOptions): Promise<GitIdentity> {
    if (vertex.operation.kind !== 'git') throw new Error(`${vertex.name} is not a git repository`);
    let identity = this.#git.get(vertex.digest);
    if (!identity) {
      identity = resolveGit(vertex.operation, { ...this.#sources.git, ...options });
      this.#git.set(vertex.digest, identity);
    }
    return identity;
  }
}
