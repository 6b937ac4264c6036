import type { LayerEntry, SandboxRun } from '../../contract';
import type { ToolPaths } from '../tools';
import type { WireError } from '../errors';

/**
 * Whom the agent is: the machine's root, root of a user namespace with subordinate ids (`ranges`) or with one id
 * (`single`), or, where namespaces are refused, root without any (`plain`).
 */
export type AgentIdentity = 'root' | 'ranges' | 'single' | 'plain';

export const runtimeNames = ['crun', 'runc', 'namespaces', 'chroot'] as const;
/** What starts the command. */
export type RuntimeName = (typeof runtimeNames)[number];

/** What the agent needs to know before anything else. */
export interface AgentSettings {
  /** Holds `chains/` and `runs/`; one per identity, since owners on disk differ between them. */
  readonly workspace: string;
  readonly tools: ToolPaths;
  readonly identity: AgentIdentity;
  /** Whether it has a `/proc` of its own process namespace. */
  readonly ownProc: boolean;
}

/** Something that was tried, and why it did not work; no reason means that it did. */
export interface Trial {
  readonly what: string;
  readonly reason?: string;
}

export interface AgentProbe {
  /** Mount options that work with overlayfs here; undefined where trees are copied. */
  readonly overlayOptions: string | undefined;
  readonly runtimes: readonly RuntimeName[];
  readonly trials: readonly Trial[];
}

/** A root made of chains, topmost first; none is an empty root. With copies, one chain holds everything. */
export type LowerChains = readonly string[];

/** {@link SandboxRun}'s mounts with the snapshots unpacked. */
export type WireMount =
  | Exclude<SandboxRun['mounts'][number], { readonly kind: 'snapshot' }>
  | {
      readonly kind: 'snapshot';
      readonly dest: string;
      readonly lowers: LowerChains;
      readonly selector: string;
      readonly readOnly: boolean;
    };

export interface RunRequest {
  /** Name of the directory below `runs/`. */
  readonly run: string;
  readonly runtime: RuntimeName;
  readonly lowers: LowerChains;
  readonly mounts: readonly WireMount[];
  readonly exec: SandboxRun['exec'];
  readonly env: readonly string[];
  readonly shmSizeBytes: number;
  /** Content of the resolver's configuration for the command. */
  readonly resolvConf: string;
}

/** How a command ended. */
export interface RunExit {
  readonly exitCode: number;
  readonly reason: 'exit-code' | 'signal' | 'not-found' | 'not-executable';
  /** Who it ran as: the owner of what it made where only one id is mapped. */
  readonly uid: number;
  readonly gid: number;
}

export interface DiffReply {
  readonly members: readonly LayerEntry[];
  /** True where extended attributes could not be looked at. */
  readonly xattrsUnknown: boolean;
}

/** Requests that the agent answers: argument and result. */
export interface AgentOperations {
  /** Answered as soon as the agent runs. */
  hello: [undefined, undefined];
  configure: [AgentSettings, undefined];
  /** Tries what works here; `runtimes` in the order of preference, up to the first that does. */
  probe: [{ readonly run: string; readonly runtimes: readonly RuntimeName[] }, AgentProbe];
  hasChain: [{ readonly chain: string }, boolean];
  /** Starts a new chain on top of another; tars are applied to it in order. */
  openUnpack: [{ readonly run: string; readonly lowers: LowerChains }, undefined];
  /** Bytes of an uncompressed layer tar; an empty chunk ends it. */
  unpack: [{ readonly run: string; readonly chunk: Uint8Array }, undefined];
  /** Makes what was unpacked the chain; without a name, throws it away. */
  closeUnpack: [{ readonly run: string; readonly chain?: string }, { readonly warnings: readonly string[] }];
  run: [RunRequest, RunExit];
  diff: [{ readonly run: string }, DiffReply];
  /** Up to `length` bytes of a file that the command left. */
  read: [
    { readonly run: string; readonly path: string; readonly position: number; readonly length: number },
    Uint8Array,
  ];
  /** Ends the run and keeps what it left as an unpacked chain, if one is named. */
  finish: [{ readonly run: string; readonly chain?: string }, undefined];
  abort: [{ readonly run: string }, undefined];
  /** Removes directories of dead builds below `runs/`. */
  removeRuns: [{ readonly runs: readonly string[] }, undefined];
}

export type AgentOperation = keyof AgentOperations;

export interface AgentRequest<O extends AgentOperation = AgentOperation> {
  readonly id: number;
  readonly operation: O;
  readonly argument: AgentOperations[O][0];
}

export type AgentMessage =
  | { readonly kind: 'reply'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly error: WireError }
  | { readonly kind: 'output'; readonly run: string; readonly stream: 'stdout' | 'stderr'; readonly data: Uint8Array };
