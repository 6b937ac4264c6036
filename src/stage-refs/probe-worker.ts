import '../engine/embedded/base-images';
import type { BaseImages } from '../engine/embedded/base-images';
import { resolveGit, type GitOptions } from '../engine/embedded/git-source';
import type { HttpSources } from '../engine/embedded/http-source';
import { localFiles, LocalTree } from '../engine/embedded/local-tree';
import type { CallOptions } from '../content/contract';
import { CodedError } from '../diagnostics/coded-error';
import type { Vertex } from '../llb/operation';
import type { Digest } from '../oci/digest';
import type { GitIdentity, HttpIdentity, Remote, SolverResult, Worker } from '../solver/contract';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A step would have to run, or layers to be read, to go on without a builder. Never leaves this room. */
    BUILDER_NEEDED: { readonly step: string };
  }
}

export interface ProbeWorkerOptions {
  /** Directories of the client by the name of their source. */
  readonly directories: ReadonlyMap<string, string>;
  readonly images: BaseImages;
  readonly http: HttpSources;
  readonly git: GitOptions;
}

/** A result that a cache has; its layers are known, but not read. */
export class RemoteResult implements SolverResult {
  readonly id: string;

  constructor(readonly remote: Remote) {
    this.id = remote.descriptors.map(({ digest }) => digest).join(' ');
  }

  tree(): Promise<never> {
    return Promise.reject(builderNeeded('a cached result'));
  }
}

/** A worker that only finds out: it reads the client's files and asks what sources are, and refuses to run anything. */
export class ProbeWorker implements Worker<SolverResult> {
  readonly #options: ProbeWorkerOptions;
  readonly #git = new Map<Digest, Promise<GitIdentity>>();

  constructor(options: ProbeWorkerOptions) {
    this.#options = options;
  }

  execute(vertex: Vertex): Promise<readonly SolverResult[]> {
    const { operation } = vertex;
    if (operation.kind === 'local') {
      return Promise.resolve([new LocalTree(vertex.digest, localFiles(operation, this.#options.directories))]);
    }
    if (operation.kind === 'image') {
      return Promise.resolve([new RemoteResult(this.#options.images.remoteOf(operation.manifest))]);
    }
    return Promise.reject(builderNeeded(vertex.name));
  }

  fromRemote(remote: Remote): Promise<SolverResult> {
    return Promise.resolve(new RemoteResult(remote));
  }

  imageDiffIds(vertex: Vertex): Promise<readonly Digest[]> {
    if (vertex.operation.kind !== 'image') throw new Error(`${vertex.name} is not an image`);
    return Promise.resolve(this.#options.images.byManifest(vertex.operation.manifest).config.rootfs.diff_ids);
  }

  resolveHttp(vertex: Vertex, options?: CallOptions): Promise<HttpIdentity> {
    if (vertex.operation.kind !== 'http') throw new Error(`${vertex.name} is not a URL`);
    return this.#options.http.resolve(vertex.operation, options);
  }

  resolveGit(vertex: Vertex, options?: CallOptions): Promise<GitIdentity> {
    if (vertex.operation.kind !== 'git') throw new Error(`${vertex.name} is not a git repository`);
    let identity = this.#git.get(vertex.digest);
    if (!identity) {
      identity = resolveGit(vertex.operation, { ...this.#options.git, ...options });
      this.#git.set(vertex.digest, identity);
    }
    return identity;
  }
}

function builderNeeded(step: string): CodedError<'BUILDER_NEEDED'> {
  return new CodedError('BUILDER_NEEDED', `${step} needs a builder`, { step });
}
