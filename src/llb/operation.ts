import type { Digest } from '../oci/digest';
import type { Descriptor } from '../oci/descriptor';
import type { Platform } from '../oci/platform';
import type { Reference } from '../oci/reference';

/**
 * Operations of a build graph, as BuildKit's `solver/pb/ops.proto` has them. The JSON that goes into a cache key is made
 * from these by the solver and must equal, byte for byte, what BuildKit's Go structs give.
 */
export type Operation =
  ImageSource | LocalSource | HttpSource | GitSource | FileOperation | ExecOperation | MergeOperation;

export interface ImageSource {
  readonly kind: 'image';
  readonly reference: Reference;
  readonly platform: Platform;
  /** Manifest (not index) and config that the reference resolved to for that platform. */
  readonly manifest: Descriptor;
}

/** A directory of the client: the main build context or a named one. */
export interface LocalSource {
  readonly kind: 'local';
  /** `context` for the main one. */
  readonly name: string;
  /** Patterns of the ignore file, in order; none means everything. */
  readonly excludePatterns: readonly string[];
  /** Only what these paths can reach is needed; undefined means everything. */
  readonly followPaths?: readonly string[];
}

export interface HttpSource {
  readonly kind: 'http';
  readonly url: string;
  readonly filename: string;
  readonly checksum?: Digest;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface GitSource {
  readonly kind: 'git';
  readonly url: string;
  readonly ref?: string;
  readonly subdirectory?: string;
  readonly keepGitDir: boolean;
  /** Commit that the ref must resolve to; a prefix of it is enough. */
  readonly checksum?: string;
  readonly skipSubmodules?: boolean;
  /** Files get the commit's time instead of that of the checkout. */
  readonly commitTimes?: boolean;
  /** Fetch `checksum` itself, without asking what the ref is now. */
  readonly fetchByCommit?: boolean;
}

/** Owner of copied or made files: ids, or names looked up in `/etc/passwd` and `/etc/group` of an input. */
export interface FileOwner {
  readonly user?: UserIdentity;
  readonly group?: UserIdentity;
}
export type UserIdentity = { readonly id: number } | { readonly name: string; readonly input: number };

interface FileActionBase {
  /** Index of an input (below the number of inputs) or of an earlier action's output (above it); -1 is scratch. */
  readonly input: number;
  readonly secondaryInput: number;
  /** 0 where this action's result is the operation's output, -1 otherwise. */
  readonly output: number;
}

export interface MkdirAction extends FileActionBase {
  readonly kind: 'mkdir';
  readonly path: string;
  readonly mode: number;
  readonly makeParents: boolean;
  readonly owner?: FileOwner;
  /** Nanoseconds since the epoch, -1 for none given. */
  readonly timestamp: bigint;
}

export interface MkfileAction extends FileActionBase {
  readonly kind: 'mkfile';
  readonly path: string;
  readonly mode: number;
  readonly data: Uint8Array;
  readonly owner?: FileOwner;
  readonly timestamp: bigint;
}

export interface CopyAction extends FileActionBase {
  readonly kind: 'copy';
  readonly src: string;
  readonly dest: string;
  /** -1 keeps the source's; 0 where `modeString` is there. */
  readonly mode: number;
  /** Symbolic `--chmod`, such as `u+rwX`. */
  readonly modeString?: string;
  readonly followSymlink: boolean;
  readonly dirCopyContents: boolean;
  readonly attemptUnpackDockerCompatibility: boolean;
  readonly createDestPath: boolean;
  readonly allowWildcard: boolean;
  readonly allowEmptyWildcard: boolean;
  readonly alwaysReplaceExistingDestPaths: boolean;
  readonly includePatterns: readonly string[];
  readonly excludePatterns: readonly string[];
  readonly requiredPaths: readonly string[];
  readonly owner?: FileOwner;
  readonly timestamp: bigint;
}

export interface RmAction extends FileActionBase {
  readonly kind: 'rm';
  readonly path: string;
  readonly allowNotFound: boolean;
  readonly allowWildcard: boolean;
}

export type FileAction = MkdirAction | MkfileAction | CopyAction | RmAction;

export interface FileOperation {
  readonly kind: 'file';
  readonly actions: readonly FileAction[];
}

export interface ExecMount {
  readonly type: 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh';
  /** Index of the operation's input, -1 for scratch. */
  readonly input: number;
  /** Path inside the input. */
  readonly selector: string;
  readonly dest: string;
  /** Index of the output that this mount becomes; -1 for none. */
  readonly output: number;
  readonly readOnly: boolean;
  readonly cache?: { readonly id: string; readonly sharing: 'shared' | 'private' | 'locked' };
  readonly tmpfs?: { readonly sizeBytes: number };
  readonly secret?: SecretOptions;
  readonly ssh?: SecretOptions;
}

export interface SecretOptions {
  /** Empty where an ssh mount names no agent, which means `default`. */
  readonly id: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly optional: boolean;
}

export interface ExecOperation {
  readonly kind: 'exec';
  readonly args: readonly string[];
  /** `KEY=value`, in order. */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string;
  readonly hostname?: string;
  readonly extraHosts: readonly { readonly host: string; readonly ip: string }[];
  readonly ulimits?: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
  readonly cgroupParent?: string;
  readonly validExitCodes?: readonly number[];
  /** The first is the root file system. */
  readonly mounts: readonly ExecMount[];
  readonly network: 'default' | 'host' | 'none';
  readonly security: 'sandbox' | 'insecure';
  /** Secrets given as environment variables. */
  readonly secretEnv: readonly { readonly id: string; readonly name: string; readonly optional: boolean }[];
  readonly proxyEnv?: {
    readonly httpProxy: string;
    readonly httpsProxy: string;
    readonly ftpProxy: string;
    readonly noProxy: string;
    readonly allProxy: string;
  };
  readonly platform: Platform;
}

/** Inputs stacked on each other: what `COPY --link` uses. */
export interface MergeOperation {
  readonly kind: 'merge';
  /** Indexes of the inputs, lowest layer first. */
  readonly inputs: readonly number[];
}

/** One output of a vertex. */
export interface Edge {
  readonly vertex: Vertex;
  readonly output: number;
}

/** A node of the build graph. Equal vertices are one object: `digest` identifies it within one build. */
export interface Vertex {
  readonly digest: Digest;
  readonly operation: Operation;
  readonly inputs: readonly Edge[];
  /** What BuildKit prints for it: `[deps 2/4] COPY package.json ./`, `[internal] load build context`. */
  readonly name: string;
  /** Stage that it came from, as users name it; undefined for internal ones. */
  readonly stage?: string;
  /** Line of the Dockerfile that it came from. */
  readonly line?: number;
  /** True with `--no-cache`: do not match, always run. */
  readonly ignoreCache: boolean;
}
