import { lstatSync } from 'node:fs';
import type { ToolPaths } from '../tools';
import { DEFAULT_SHM_BYTES } from './kernel-paths';
import { programDirectories, requireTool } from './host-command';
import { coverHybridCgroups } from './hybrid-cgroups';
import type { AgentIdentity, RunExit, RunRequest, RuntimeName, Trial } from './protocol';

export interface RuntimeProbeOptions {
  readonly tools: ToolPaths;
  readonly identity: AgentIdentity;
  readonly name: string;
  /** In the order of preference. */
  readonly runtimes: readonly RuntimeName[];
  readonly tryRun: (request: RunRequest) => Promise<RunExit>;
}

/** Programs without which nothing can be run. */
const needed = ['sh', 'env', 'cp', 'mkdir', 'mkfifo', 'unshare'] as const;

/** Starts one of the host's programs by each runtime, up to the first that works. */
export async function probeRuntimes(
  options: RuntimeProbeOptions,
): Promise<{ readonly works: readonly RuntimeName[]; readonly trials: readonly Trial[] }> {
  const trials: Trial[] = [];
  for (const runtime of options.runtimes) {
    const reason = await tryRuntime(options, runtime);
    trials.push({ what: runtime, ...(reason === undefined ? {} : { reason }) });
    if (reason === undefined) return { works: [runtime], trials };
  }
  return { works: [], trials };
}

async function tryRuntime(options: RuntimeProbeOptions, runtime: RuntimeName): Promise<string | undefined> {
  const { tools, identity } = options;
  if ((runtime === 'chroot') !== (identity === 'plain')) {
    return runtime === 'chroot' ? 'not needed: namespaces work' : 'it needs namespaces, which are refused';
  }
  if ((runtime === 'crun' || runtime === 'runc') && tools[runtime] === undefined) return 'it is not installed';
  const missing = needed.filter((name) => tools[name] === undefined);
  if (missing.length > 0) return `missing on this machine: ${missing.join(', ')}`;
  // Copying the host's programs into a root would take longer than the build.
  if (runtime === 'chroot') return undefined;
  try {
    if (runtime === 'crun') coverHybridCgroups(tools);
    const { exitCode } = await options.tryRun(probeRequest(tools, `${options.name}-${runtime}`, runtime));
    return exitCode === 0 ? undefined : `a trial ended with exit code ${exitCode}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function probeRequest(tools: ToolPaths, run: string, runtime: RuntimeName): RunRequest {
  const directories = programDirectories.filter((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined);
  return {
    run,
    runtime,
    lowers: [],
    mounts: directories.map((directory) => ({
      kind: 'directory',
      dest: directory,
      directory,
      selector: '/',
      readOnly: true,
    })),
    exec: {
      args: [requireTool(tools, 'env'), '-i'],
      cwd: '/',
      user: '',
      extraHosts: [],
      network: 'host',
      security: 'sandbox',
    },
    env: ['PATH=/usr/bin:/bin'],
    shmSizeBytes: DEFAULT_SHM_BYTES,
    resolvConf: '',
  };
}
