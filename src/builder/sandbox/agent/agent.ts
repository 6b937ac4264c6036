import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { diffCopy } from './diff-copy';
import { diffOverlay } from './diff-overlay';
import { toMembers, type Changes } from './changes';
import { probeOverlay } from './overlay-probe';
import { probeRuntimes } from './runtime-probe';
import type {
  AgentMessage,
  AgentOperation,
  AgentOperations,
  AgentSettings,
  DiffReply,
  RunExit,
  RunRequest,
} from './protocol';
import { createRootView, type RootView, type RootViewOptions } from './root-view';
import { hostPath, statInside } from './rooted-path';
import { StepRun } from './step-run';
import { TarExtractor } from './tar-extractor';
import { Workspace } from './workspace';
import { createXattrReader, findXattrPrograms, type XattrReader } from './xattr-reader';

type Handlers = {
  readonly [O in AgentOperation]: (
    argument: AgentOperations[O][0],
  ) => AgentOperations[O][1] | Promise<AgentOperations[O][1]>;
};

export interface Agent {
  readonly handlers: Omit<Handlers, 'hello' | 'configure'>;
  /** Ends what would outlive this process where no namespace takes it along. */
  stop(): void;
}

/** Sends a message to the builder; resolves once it is on its way. */
export type Send = (message: AgentMessage) => Promise<void>;

interface Unpacking {
  readonly view: RootView;
  readonly warnings: string[];
  extractor: TarExtractor | undefined;
}

/**
 * Does the work on roots for one builder, in a process of its own: it is root of the namespaces that it was started in,
 * and the mounts it makes are gone with it. File calls are synchronous, which is several times faster than Node's
 * asynchronous ones for many small files, and holds up nobody else here.
 */
export function createAgent(settings: AgentSettings, send: Send): Agent {
  const { tools, identity } = settings;
  const workspace = new Workspace(settings.workspace, tools);
  let views: RootViewOptions = { workspace, tools, overlayOptions: undefined, mayMount: identity !== 'plain' };
  const unpackings = new Map<string, Unpacking>();
  const runs = new Map<string, StepRun>();
  const xattrPrograms = findXattrPrograms(tools);

  const startRun = (request: RunRequest): StepRun => {
    const sink = (stream: 'stdout' | 'stderr') => (data: Buffer) =>
      send({ kind: 'output', run: request.run, stream, data });
    const directory = workspace.createRun(request.run);
    const onOutput = { stdout: sink('stdout'), stderr: sink('stderr') };
    const run = new StepRun({ views, identity, directory, request, onOutput });
    runs.set(request.run, run);
    return run;
  };
  const run = (request: RunRequest): Promise<RunExit> => startRun(request).execute();
  const finish = async ({ run: name, chain }: AgentOperations['finish'][0]): Promise<undefined> => {
    const step = runs.get(name);
    await step?.close();
    runs.delete(name);
    workspace.unmountRun(name);
    if (step && chain !== undefined) workspace.publish(step.view.upper, chain);
    workspace.removeRun(name);
    return undefined;
  };

  const handlers: Agent['handlers'] = {
    probe: async ({ run: name, runtimes }) => {
      const overlay = probeOverlay(tools, identity, workspace.createRun(name));
      workspace.removeRun(name);
      views = { ...views, overlayOptions: overlay.options };
      const tryRun = async (request: RunRequest): Promise<RunExit> => {
        try {
          return await run(request);
        } finally {
          await finish({ run: request.run });
        }
      };
      const found = await probeRuntimes({ tools, identity, name, runtimes, tryRun });
      return { overlayOptions: overlay.options, runtimes: found.works, trials: [overlay.trial, ...found.trials] };
    },
    hasChain: ({ chain }) => workspace.hasChain(chain),
    openUnpack: ({ run: name, lowers }) => {
      const view = createRootView(views, workspace.createRun(name), lowers);
      unpackings.set(name, { view, warnings: [], extractor: undefined });
      return undefined;
    },
    unpack: ({ run: name, chunk }) => {
      const unpacking = opened(unpackings, name);
      if (chunk.length === 0) {
        unpacking.warnings.push(...(unpacking.extractor?.end() ?? []));
        unpacking.extractor = undefined;
        return undefined;
      }
      unpacking.extractor ??= new TarExtractor({
        root: unpacking.view.root,
        scratch: workspace.run(name),
        tools,
        policy: { owners: identity !== 'single' },
      });
      unpacking.extractor.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
      return undefined;
    },
    closeUnpack: ({ run: name, chain }) => {
      const unpacking = opened(unpackings, name);
      unpackings.delete(name);
      unpacking.extractor?.abort();
      workspace.unmountRun(name);
      if (chain !== undefined) workspace.publish(unpacking.view.upper, chain);
      workspace.removeRun(name);
      return { warnings: unpacking.warnings };
    },
    run,
    diff: ({ run: name }) => diff(opened(runs, name), join(workspace.run(name), 'xattrs')),
    read: ({ run: name, path, position, length }) => {
      const descriptor = openSync(hostPath(opened(runs, name).view.upper, path), 'r');
      try {
        const buffer = Buffer.allocUnsafeSlow(length);
        return buffer.subarray(0, readSync(descriptor, buffer, 0, length, position));
      } finally {
        closeSync(descriptor);
      }
    },
    finish,
    abort: async ({ run: name }) => {
      await runs.get(name)?.abort();
      return undefined;
    },
    removeRuns: ({ runs: names }) => {
      for (const name of names) workspace.removeRun(name);
      return undefined;
    },
  };
  const stop = (): void => {
    if (identity !== 'plain') return;
    for (const step of runs.values()) step.kill();
    for (const name of [...runs.keys(), ...unpackings.keys()]) workspace.removeRun(name);
  };
  return { handlers, stop };

  function diff(step: StepRun, scratch: string): DiffReply {
    const readXattrs: XattrReader = xattrPrograms ? createXattrReader(xattrPrograms, scratch) : () => new Map();
    const { view } = step;
    const changes: Changes =
      view.base === undefined
        ? diffCopy(view.root, step.before ?? new Map(), { readXattrs, covered: step.covered })
        : diffOverlay(view, readXattrs);
    const members = toMembers(view.upper, changes, (path) => statInside(view.root, path));
    return { members, xattrsUnknown: !xattrPrograms && changes.present.length > 0 };
  }
}

function opened<T>(open: ReadonlyMap<string, T>, name: string): T {
  const found = open.get(name);
  if (found === undefined) throw new Error(`nothing is open under the name ${name}`);
  return found;
}
