import { readFile } from 'node:fs/promises';
import type { CallOptions } from '../../content/contract';
import type { LayerStore, Sandbox, SandboxMount, SandboxRun, Snapshot, StoredLayer } from '../contract';
import { DEFAULT_SHM_BYTES } from './agent/kernel-paths';
import type { RunExit, RuntimeName, Trial, WireMount } from './agent/protocol';
import { Chains } from './chains';
import { describeIdentity, openAgent, type OpenedAgent } from './open-agent';
import { RunNames } from './run-names';
import { readHostFacts } from './sandbox-hints';
import { failOnExit } from './step-exit';
import { writeStepLayer } from './step-layer';
import './errors';

export interface CreateSandboxOptions {
  /** Absolute directory for unpacked layers and running steps; made if need be. */
  readonly stateDirectory: string;
  readonly layers: LayerStore;
  /** Only this runtime; default: the best that works here. */
  readonly prefer?: RuntimeName;
  /** Whether an ordinary user's subordinate ids are used where there are some; default true. */
  readonly subordinateIds?: boolean;
  /** `PATH` to find the host's programs on; the usual directories are always looked at. */
  readonly searchPath?: string;
  /** Told once of each thing that could not be kept, such as extended attributes. */
  readonly onWarning?: (message: string) => void;
}

/** A sandbox that somebody has to end. */
export interface OpenedSandbox extends Sandbox, AsyncDisposable {
  /** What was tried to find a way to run commands, and why it did not work. */
  readonly trials: readonly Trial[];
}

/** Starts the process that runs commands. Rejects with `SANDBOX_UNAVAILABLE` where no way works. */
export async function createSandbox(options: CreateSandboxOptions): Promise<OpenedSandbox> {
  const names = new RunNames(process.pid);
  const opened = await openAgent({
    stateDirectory: options.stateDirectory,
    searchPath: options.searchPath ?? '',
    names,
    host: readHostFacts(),
    ...(options.prefer !== undefined && { prefer: options.prefer }),
    ...(options.subordinateIds !== undefined && { subordinateIds: options.subordinateIds }),
  });
  return new AgentSandbox(opened, names, options);
}

class AgentSandbox implements OpenedSandbox {
  readonly description: string;
  readonly trials: readonly Trial[];
  readonly #chains: Chains;
  readonly #warned = new Set<string>();

  constructor(
    private readonly opened: OpenedAgent,
    private readonly names: RunNames,
    private readonly options: CreateSandboxOptions,
  ) {
    const { identity, probe, runtime, trials } = opened;
    this.description = `${runtime} in ${describeIdentity(identity)}`;
    this.trials = trials;
    this.#chains = new Chains({
      agent: opened.agent,
      hasOverlay: probe.overlayOptions !== undefined,
      newRun: () => names.next(),
      onWarning: (message) => this.#warn(message),
    });
  }

  async run(run: SandboxRun, options: CallOptions = {}): Promise<StoredLayer> {
    const { agent, runtime } = this.opened;
    const name = this.names.next();
    const lowers = await this.#chains.of(run.rootfs, options);
    const mounts: WireMount[] = [];
    for (const mount of run.mounts) mounts.push(await this.#toWire(mount, options));
    const stopListening = agent.listen(name, run.onOutput);
    const abort = (): void => void agent.request('abort', { run: name }).catch(() => undefined);
    options.signal?.throwIfAborted();
    options.signal?.addEventListener('abort', abort, { once: true });
    let chain: string | undefined;
    try {
      const exit = await agent.request('run', {
        run: name,
        runtime,
        lowers,
        mounts,
        exec: execOf(run),
        env: run.env,
        shmSizeBytes: run.shmSizeBytes ?? DEFAULT_SHM_BYTES,
        resolvConf: await readFile('/etc/resolv.conf', 'utf8').catch(() => ''),
      });
      options.signal?.throwIfAborted();
      failOnExit(run, exit);
      const layer = await this.#layerOf(name, run, exit, options);
      // With fixed times, the layer is not what lies on disk.
      if (run.sourceDateEpoch === undefined) chain = this.#chains.nameAbove(run.rootfs, layer);
      return layer;
    } finally {
      options.signal?.removeEventListener('abort', abort);
      stopListening();
      await agent.request('finish', { run: name, ...(chain !== undefined && { chain }) }).catch(() => undefined);
    }
  }

  async prepare(rootfs: Snapshot, options: CallOptions = {}): Promise<void> {
    await this.#chains.of(rootfs, options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.opened.agent.close();
  }

  async #layerOf(name: string, run: SandboxRun, exit: RunExit, options: CallOptions): Promise<StoredLayer> {
    const { agent, identity } = this.opened;
    const { members, xattrsUnknown } = await agent.request('diff', { run: name });
    if (xattrsUnknown)
      this.#warn('extended attributes of files are not kept: neither getfattr nor GNU tar is installed');
    return writeStepLayer(members, {
      agent,
      run: name,
      identity,
      exit,
      store: this.options.layers,
      before: await run.rootfs.tree(options),
      ...(options.signal && { signal: options.signal }),
      ...(run.sourceDateEpoch !== undefined && { sourceDateEpoch: run.sourceDateEpoch }),
    });
  }

  async #toWire(mount: SandboxMount, options: CallOptions): Promise<WireMount> {
    if (mount.kind !== 'snapshot') return mount;
    const { kind, dest, selector, readOnly, snapshot } = mount;
    return { kind, dest, selector, readOnly, lowers: await this.#chains.of(snapshot, options) };
  }

  #warn(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.options.onWarning?.(message);
  }
}

/** Only what crosses to the agent: an operation has more, which would have to be copied. */
function execOf({ exec }: SandboxRun): SandboxRun['exec'] {
  const { args, cwd, user, extraHosts, network, security, hostname, ulimits, validExitCodes } = exec;
  return {
    args,
    cwd,
    user,
    extraHosts,
    network,
    security,
    ...(hostname !== undefined && { hostname }),
    ...(ulimits !== undefined && { ulimits }),
    ...(validExitCodes !== undefined && { validExitCodes }),
  };
}
