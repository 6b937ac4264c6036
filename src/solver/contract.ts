import type { ResultOrigin, Remote } from '../cache/contract';
import type { CallOptions } from '../content/contract';
import type { FileTree } from '../filetree/contract';
import type { Vertex } from '../llb/operation';
import type { Digest } from '../oci/digest';
import type { ProgressSink } from '../progress/event';

export type { Remote, ResultOrigin };

/** What a vertex gives: a file system made of layers, its bytes maybe still in a registry. */
export interface SolverResult {
  /** Stable name of this file system within one builder. */
  readonly id: string;
  /** The merged tree; downloads what is needed for it. */
  tree(options?: CallOptions): Promise<FileTree>;
}

/** What an http source turned out to be; part of its cache key. */
export interface HttpIdentity {
  readonly digest: Digest;
  readonly filename: string;
  /** The `Last-Modified` header as it was sent, if it was. */
  readonly lastModified?: string;
}

/** What a git source resolved to; part of its cache key. */
export interface GitIdentity {
  /** Full hash of the commit (the one behind an annotated tag, unless the git directory is kept). */
  readonly commit: string;
  /** Full name of the ref, such as `refs/heads/main`; empty if a commit was asked for. */
  readonly ref: string;
}

/** What the solver leaves to the builder. Optional methods are powers that a worker may lack. */
export interface Worker<R extends SolverResult> {
  /** Runs an operation; `inputs` are the results of `vertex.inputs`. One result per output. */
  execute(vertex: Vertex, inputs: readonly R[], options: ExecuteOptions): Promise<readonly R[]>;
  /** A result from layers in a registry; nothing is downloaded before it is needed. */
  fromRemote(remote: Remote, description: string): Promise<R>;
  /** A result from layers of the local store, or undefined if one of them is gone. Without it, there is no local state. */
  fromLayers?(diffIds: readonly Digest[], description: string): Promise<R | undefined>;
  /**
   * Makes sure that the bytes of a cached result can be had, by downloading them. Called before such a result is hashed
   * or becomes the input of an execution; a rejection turns the hit into a miss. Without it, `tree` is used.
   */
  prepare?(result: R, options: ExecuteOptions): Promise<void>;
  /**
   * Told that a vertex is going to be executed on `result` as its input `index`, as soon as that is certain: its bytes are
   * maybe not at hand yet. A chance to begin early with what the execution needs; it must not throw.
   */
  expect?(vertex: Vertex, index: number, result: R): void;
  /** diffIDs of a base image, for its second cache key. */
  imageDiffIds(vertex: Vertex, options?: CallOptions): Promise<readonly Digest[]>;
  /** Without it, http sources have no cache key. */
  resolveHttp?(vertex: Vertex, options?: CallOptions): Promise<HttpIdentity>;
  /** Without it, git sources have no cache key. */
  resolveGit?(vertex: Vertex, options?: CallOptions): Promise<GitIdentity>;
}

export interface ExecuteOptions extends CallOptions {
  readonly progress: ProgressSink;
}
