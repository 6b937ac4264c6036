import type { Sandbox, SandboxMount, Snapshot, StoredLayer } from '../../builder/contract';
import type { CallOptions } from '../../content/contract';
import { CodedError } from '../../diagnostics/coded-error';
import type { ExecMount, ExecOperation } from '../../llb/operation';
import type { SolverResult } from '../../solver/contract';
import type { AcquiredCacheMount, CacheMounts } from './cache-mounts';
import type { SecretValues } from './secrets';
import type { SshAgents } from './ssh';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A RUN step wants `--security=insecure`, which the embedded builder does not give. */
    SECURITY_REFUSED: { readonly security: string };
  }
}

export interface ExecStepOptions extends CallOptions {
  readonly sandbox: Sandbox;
  readonly secrets: SecretValues;
  readonly ssh: SshAgents;
  readonly cacheMounts: CacheMounts;
  /** An input as layers; a build context has to become some first. */
  readonly toSnapshot: (input: SolverResult) => Promise<Snapshot>;
  /** Writes the tree of an input below `selector` into a directory. */
  readonly unpackInto: (snapshot: Snapshot, directory: string) => Promise<void>;
  readonly onOutput: (stream: 'stdout' | 'stderr', data: Buffer) => void;
  readonly shmSizeBytes?: number;
  readonly sourceDateEpoch?: number;
}

/** Runs a RUN step on its inputs and gives the layer that it made. Cache directories are held while it runs. */
export async function runExecStep(
  operation: ExecOperation,
  inputs: readonly SolverResult[],
  options: ExecStepOptions,
): Promise<{ readonly root: Snapshot; readonly layer: StoredLayer }> {
  if (operation.security === 'insecure') {
    throw new CodedError(
      'SECURITY_REFUSED',
      'RUN --security=insecure is not available in the embedded builder',
      { security: operation.security },
      { hint: 'remove the flag, or build with engine=buildkit and an allowed entitlement' },
    );
  }
  const held: AcquiredCacheMount[] = [];
  try {
    const step = new MountSources(inputs, held, options);
    const [rootMount, ...others] = operation.mounts;
    if (rootMount === undefined) throw new Error('a RUN step without a root file system');
    const root = await step.snapshot(rootMount.input);
    const mounts: SandboxMount[] = [];
    for (const mount of others) {
      const prepared = await step.prepare(mount);
      if (prepared) mounts.push(prepared);
    }
    const layer = await options.sandbox.run(
      {
        rootfs: root,
        mounts,
        exec: operation,
        env: [...operation.env, ...proxyVariables(operation), ...secretVariables(operation, options.secrets)],
        onOutput: options.onOutput,
        ...(options.shmSizeBytes !== undefined && { shmSizeBytes: options.shmSizeBytes }),
        ...(options.sourceDateEpoch !== undefined && { sourceDateEpoch: options.sourceDateEpoch }),
      },
      options,
    );
    return { root, layer };
  } finally {
    for (const mount of held) await mount.release();
  }
}

class MountSources {
  constructor(
    private readonly inputs: readonly SolverResult[],
    private readonly held: AcquiredCacheMount[],
    private readonly options: ExecStepOptions,
  ) {}

  /** The input of that index as layers; -1 is an empty file system. */
  async snapshot(input: number): Promise<Snapshot> {
    const result = input < 0 ? emptyInput : this.inputs[input];
    if (!result) throw new Error(`a mount refers to input ${input}, which is not there`);
    return this.options.toSnapshot(result);
  }

  /** Undefined for an optional secret or agent that was not given. */
  async prepare(mount: ExecMount): Promise<SandboxMount | undefined> {
    const { dest, selector, readOnly } = mount;
    switch (mount.type) {
      case 'bind':
        return { kind: 'snapshot', dest, snapshot: await this.snapshot(mount.input), selector, readOnly };
      case 'cache':
        return { kind: 'directory', dest, directory: await this.#cacheDirectory(mount), selector, readOnly };
      case 'tmpfs': {
        const sizeBytes = mount.tmpfs?.sizeBytes;
        return { kind: 'tmpfs', dest, ...(sizeBytes && { sizeBytes }) };
      }
      case 'secret': {
        const secret = needed(mount.secret);
        const content = this.options.secrets.get(secret.id, secret);
        return content && { kind: 'file', dest, content, mode: secret.mode, uid: secret.uid, gid: secret.gid };
      }
      case 'ssh': {
        const agent = needed(mount.ssh);
        const socketPath = await this.options.ssh.socket(agent.id, agent);
        return socketPath === undefined
          ? undefined
          : { kind: 'socket', dest, socketPath, mode: agent.mode, uid: agent.uid, gid: agent.gid };
      }
    }
  }

  async #cacheDirectory(mount: ExecMount): Promise<string> {
    const { id, sharing } = needed(mount.cache);
    const base = mount.input < 0 ? undefined : await this.snapshot(mount.input);
    const acquired = await this.options.cacheMounts.acquire(
      {
        id,
        sharing,
        ...(base && { baseId: base.id, populate: (directory) => this.options.unpackInto(base, directory) }),
      },
      this.options,
    );
    this.held.push(acquired);
    return acquired.directory;
  }
}

/** Stands for "no input"; `toSnapshot` makes an empty file system of anything without layers and entries. */
const emptyInput: Pick<Snapshot, 'id' | 'layers' | 'tree'> = {
  id: 'scratch',
  layers: [],
  tree: () => Promise.reject(new Error('the empty file system is not read')),
};

function needed<T>(options: T | undefined): T {
  if (options === undefined) throw new Error('a mount without its options');
  return options;
}

/** Proxy settings reach the command in both spellings, as BuildKit gives them, and are part of no key. */
function proxyVariables({ proxyEnv }: ExecOperation): readonly string[] {
  if (!proxyEnv) return [];
  const byName = {
    HTTP_PROXY: proxyEnv.httpProxy,
    HTTPS_PROXY: proxyEnv.httpsProxy,
    FTP_PROXY: proxyEnv.ftpProxy,
    NO_PROXY: proxyEnv.noProxy,
    ALL_PROXY: proxyEnv.allProxy,
  };
  return Object.entries(byName).flatMap(([name, value]) =>
    value === '' ? [] : [`${name}=${value}`, `${name.toLowerCase()}=${value}`],
  );
}

function secretVariables({ secretEnv }: ExecOperation, secrets: SecretValues): readonly string[] {
  return secretEnv.flatMap(({ id, name, optional }) => {
    const value = secrets.get(id, { optional });
    return value === undefined ? [] : [`${name}=${value.toString('utf8')}`];
  });
}
