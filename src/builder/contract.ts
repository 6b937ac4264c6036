import type { Readable } from 'node:stream';
import type { BlobReader, CallOptions } from '../content/contract';
import type { FileEntry } from '../filetree/contract';
import type { Descriptor } from '../oci/descriptor';
import type { Digest } from '../oci/digest';
import type { ExecOperation } from '../llb/operation';
import type { SolverResult } from '../solver/contract';

/**
 * One member of a layer's tar, in the tar's order. A whiteout hides what a lower layer has at `path`; an opaque marker
 * hides everything that lower layers have below the directory `path` (OCI image-spec, layer.md).
 */
export type LayerEntry =
  | { readonly kind: 'entry'; readonly entry: FileEntry }
  | { readonly kind: 'hardlink'; readonly entry: FileEntry; readonly target: string }
  | { readonly kind: 'whiteout'; readonly path: string }
  | { readonly kind: 'opaque'; readonly path: string };

/** An entry to be written, with its content for files. */
export interface LayerInput {
  readonly member: LayerEntry;
  /** Opens exactly `entry.size` bytes. Only for entries of type `file` with a size. */
  readonly open?: (options?: CallOptions) => Promise<Readable>;
}

/** A blob that is known to hold a layer, in one compression, and where its bytes can be read. */
export interface LayerBlob {
  readonly descriptor: Descriptor;
  readonly provider: BlobReader;
}

/** A layer whose tar lies in the local store. */
export interface StoredLayer {
  readonly diffId: Digest;
  /** Bytes of the uncompressed tar. */
  readonly sizeBytes: number;
  /** ISO time at which it was first made, here or where it was imported from: images of the same layers stay the same. */
  readonly createdAt: string;
  members(options?: CallOptions): Promise<readonly LayerEntry[]>;
  openFile(path: string, options?: CallOptions): Promise<Readable>;
  /** The whole uncompressed tar. */
  openTar(options?: CallOptions): Promise<Readable>;
}

export interface ImportOptions extends CallOptions {
  /** ISO time at which the layer was made; default: now. */
  readonly createdAt?: string;
}

/** Layers as uncompressed tars under their diffID: written once, atomically, safe for several processes. */
export interface LayerStore {
  get(diffId: Digest): Promise<StoredLayer | undefined>;
  /** Writes a canonical tar (same members, same bytes) and gives the layer that it is. */
  write(members: AsyncIterable<LayerInput> | Iterable<LayerInput>, options?: CallOptions): Promise<StoredLayer>;
  /** Takes an uncompressed tar; refuses it (`LAYER_CORRUPT`) if it is not `diffId` or its members are hostile. */
  importTar(diffId: Digest, tar: Readable, options?: ImportOptions): Promise<StoredLayer>;
}

/** A layer of a snapshot: at least its diffID is known, its tar maybe only in a registry until someone asks. */
export interface Layer {
  readonly diffId: Digest;
  /** ISO time of creation, for history and cache records. */
  readonly createdAt?: string;
  /** Compressed forms that exist somewhere. */
  readonly blobs: readonly LayerBlob[];
  /** The local layer, downloaded and verified if need be; one download however many ask. */
  load(options?: CallOptions): Promise<StoredLayer>;
}

/** A file system as a stack of layers, lowest first. Scratch has none. */
export interface Snapshot extends SolverResult {
  readonly layers: readonly Layer[];
}

/** A mount of a RUN step with what it mounts. */
export type SandboxMount =
  | {
      readonly kind: 'snapshot';
      readonly dest: string;
      readonly snapshot: Snapshot;
      readonly selector: string;
      readonly readOnly: boolean;
    }
  | {
      readonly kind: 'directory';
      readonly dest: string;
      readonly directory: string;
      readonly selector: string;
      readonly readOnly: boolean;
    }
  | { readonly kind: 'tmpfs'; readonly dest: string; readonly sizeBytes?: number }
  | {
      readonly kind: 'file';
      readonly dest: string;
      readonly content: Buffer;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | {
      readonly kind: 'socket';
      readonly dest: string;
      readonly socketPath: string;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    };

export interface SandboxRun {
  readonly rootfs: Snapshot;
  /** The root mount is not among them. Cache mounts come as `directory`. */
  readonly mounts: readonly SandboxMount[];
  readonly exec: Pick<
    ExecOperation,
    'args' | 'cwd' | 'user' | 'hostname' | 'extraHosts' | 'ulimits' | 'network' | 'security' | 'validExitCodes'
  >;
  /** With proxy variables and secret variables already in it. */
  readonly env: readonly string[];
  readonly shmSizeBytes?: number;
  readonly onOutput: (stream: 'stdout' | 'stderr', data: Buffer) => void;
  /** Fixes modification times above it (seconds since the epoch). */
  readonly sourceDateEpoch?: number;
}

/** Runs a command in a file system and gives what it changed as a layer. */
export interface Sandbox {
  /** `crun`, `runc`, `namespaces` or `chroot`, with a word on privileges, for messages. */
  readonly description: string;
  run(run: SandboxRun, options?: CallOptions): Promise<StoredLayer>;
  /** Does early what a step on `rootfs` needs first, layer by layer as they arrive. Without it, `run` does. */
  prepare?(rootfs: Snapshot, options?: CallOptions): Promise<void>;
}
