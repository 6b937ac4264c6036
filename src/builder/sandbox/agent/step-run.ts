import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { lchownSync, mkdirSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '../../../diagnostics/coded-error';
import { isWithin, parentPath } from '../../../filetree/paths';
import { lookUpCommand } from './command-lookup';
import { launchInChroot } from './chroot-launch';
import { recordTree, type TreeState } from './diff-copy';
import { hostEnvironment, requireTool, runHostCommands } from './host-command';
import { hostsFile } from './hosts-file';
import { resolveImageUser, type ImageUser } from './image-user';
import type { Launch, LaunchRequest } from './launch';
import { createMountPoints } from './mount-points';
import { launchInNamespaces } from './namespace-launch';
import { launchByOciRuntime } from './oci-launch';
import { OutputPipe, type OutputSink } from './output-pipe';
import { MountSources, type PreparedMount } from './prepared-mount';
import type { AgentIdentity, RunExit, RunRequest } from './protocol';
import { hostPath, resolveInside, statInside } from './rooted-path';
import { createRootView, type RootView, type RootViewOptions } from './root-view';

/** What a command gets to end by itself after SIGTERM, in milliseconds. */
const TERMINATION_GRACE_MS = 1000;
const SIGNAL_EXIT_BASE = 128;

export interface StepRunOptions {
  readonly views: RootViewOptions;
  readonly identity: AgentIdentity;
  /** The run's own directory, which exists. */
  readonly directory: string;
  readonly request: RunRequest;
  readonly onOutput: { readonly stdout: OutputSink; readonly stderr: OutputSink };
}

/** One command in one root: from mounting to the point where its changes can be read, and taking it all down. */
export class StepRun {
  readonly #options: StepRunOptions;
  readonly view: RootView;
  /** Only where the root is a copy. */
  readonly before: TreeState | undefined;
  readonly #sources: MountSources;
  #prepared: readonly PreparedMount[] = [];
  #launch: Launch | undefined;
  #child: ChildProcess | undefined;
  #isAborted = false;

  constructor(options: StepRunOptions) {
    this.#options = options;
    const { views, identity, directory, request } = options;
    this.view = createRootView(views, directory, request.lowers);
    this.before = this.view.base === undefined && request.lowers.length > 0 ? recordTree(this.view.root) : undefined;
    this.#sources = new MountSources({ views, identity, directory, root: this.view.root });
  }

  /** Destinations of mounts, as clean paths. */
  get covered(): readonly string[] {
    return this.#prepared.map(({ dest }) => dest);
  }

  async execute(): Promise<RunExit> {
    const { request, directory, identity, views } = this.#options;
    const { root } = this.view;
    const user = resolveImageUser(root, request.exec.user);
    this.#prepared = await this.#prepareMounts();
    const mounts = this.#prepared;
    const removePoints = request.runtime === 'chroot' ? undefined : createMountPoints(root, mountPoints(mounts));
    try {
      const owner = identity === 'single' ? undefined : user;
      const cwd = makeWorkingDirectory(root, request.exec.cwd, { mounts, owner });
      const lookup = lookUpCommand(request.exec.args[0] ?? '', { root, mounts, cwd, env: request.env });
      if (lookup !== 'found') {
        return { exitCode: lookup === 'not-found' ? 127 : 126, reason: lookup, uid: user.uid, gid: user.gid };
      }
      const { tools } = views;
      const { exec, env, shmSizeBytes, run: name } = request;
      const launch = { tools, identity, directory, name, root, mounts, exec, env, cwd, user, shmSizeBytes };
      const exitCode = await this.#launchAndWait(launch, user);
      return { exitCode, reason: isSignalCode(exitCode) ? 'signal' : 'exit-code', uid: user.uid, gid: user.gid };
    } finally {
      removePoints?.();
    }
  }

  /** Ends the command: asks first, then kills everything it started. */
  async abort(): Promise<void> {
    this.#isAborted = true;
    const [child, launch] = [this.#child, this.#launch];
    if (child?.pid === undefined || !launch || child.exitCode !== null) return;
    launch.kill(child.pid, 'SIGTERM');
    await Promise.race([once(child, 'exit'), sleep(TERMINATION_GRACE_MS)]);
    if (isRunning(child)) launch.kill(child.pid, 'SIGKILL');
  }

  /** Kills the command at once. */
  kill(): void {
    if (this.#child?.pid !== undefined) this.#launch?.kill(this.#child.pid, 'SIGKILL');
  }

  async close(): Promise<void> {
    await this.#sources.close();
  }

  async #prepareMounts(): Promise<readonly PreparedMount[]> {
    const { request } = this.#options;
    const prepared = [
      await this.#sources.prepareText('/etc/resolv.conf', request.resolvConf),
      await this.#sources.prepareText('/etc/hosts', hostsFile(request.exec)),
    ];
    for (const mount of request.mounts) prepared.push(await this.#sources.prepare(mount));
    // A later mount at the same place wins.
    return [...new Map(prepared.map((mount) => [mount.dest, mount])).values()];
  }

  async #launchAndWait(request: LaunchRequest, user: ImageUser): Promise<number> {
    const launch = createLaunch(this.#options.request.runtime, request);
    this.#launch = launch;
    try {
      if (this.#isAborted) throw new CodedError('SANDBOX_FAILED', 'sandbox: canceled', { operation: 'run' });
      const exitCode = await this.#spawn(launch, user);
      const failure = exitCode === 0 ? undefined : launch.failure();
      if (failure !== undefined && !this.#wasAborted()) {
        throw new CodedError('SANDBOX_FAILED', `sandbox: ${failure}`, { operation: this.#options.request.runtime });
      }
      return exitCode;
    } finally {
      launch.cleanUp();
    }
  }

  /** An abort may come while something is awaited. */
  #wasAborted(): boolean {
    return this.#isAborted;
  }

  async #spawn(launch: Launch, user: ImageUser): Promise<number> {
    const { directory, onOutput, views } = this.#options;
    const paths = [join(directory, 'stdout'), join(directory, 'stderr')] as const;
    runHostCommands(views.tools, [[requireTool(views.tools, 'mkfifo'), '-m', '600', ...paths]]);
    const stdout = new OutputPipe(paths[0], user, onOutput.stdout);
    const stderr = new OutputPipe(paths[1], user, onOutput.stderr);
    const stdio = ['ignore', stdout.writer, stderr.writer] as const;
    const child = spawn(launch.program, launch.args, { stdio: [...stdio], env: hostEnvironment, cwd: '/' });
    this.#child = child;
    stdout.started();
    stderr.started();
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    // In a chroot, what the command left running would keep the pipes open.
    if (this.#options.request.runtime === 'chroot') launch.kill(child.pid ?? 0, 'SIGKILL');
    await Promise.all([stdout.drained(), stderr.drained()]);
    return code ?? SIGNAL_EXIT_BASE + (signal === null ? 0 : osConstants.signals[signal]);
  }
}

/** Asked anew after every wait. */
function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

function createLaunch(runtime: RunRequest['runtime'], request: LaunchRequest): Launch {
  if (runtime === 'chroot') return launchInChroot(request);
  // OCI runtimes expect to be root in the user namespace that they make; util-linux does not.
  const isOtherUser = request.identity === 'single' && (request.user.uid !== 0 || request.user.gid !== 0);
  return runtime === 'namespaces' || isOtherUser ? launchInNamespaces(request) : launchByOciRuntime(runtime, request);
}

/** Everything that something is mounted on, with what every container has. */
function mountPoints(mounts: readonly PreparedMount[]): Parameters<typeof createMountPoints>[1] {
  const system = ['proc', 'sys', 'dev'].map((path) => ({ path, kind: 'directory' as const }));
  const step = mounts.map(
    ({ dest, isDirectory }) => ({ path: dest, kind: isDirectory ? 'directory' : 'file' }) as const,
  );
  return [...system, ...step];
}

interface WorkingDirectoryOptions {
  readonly mounts: readonly PreparedMount[];
  /** Who gets a directory that is made; undefined where all belongs to one id. */
  readonly owner: ImageUser | undefined;
}

/** Resolves the working directory and makes it where it is missing; what lies on a mount is left to the mount. */
function makeWorkingDirectory(root: string, cwd: string, { mounts, owner }: WorkingDirectoryOptions): string {
  const path = resolveInside(root, cwd);
  if (mounts.some(({ dest }) => isWithin(dest, path))) return path;
  const missing: string[] = [];
  for (let at = path; at !== '' && !statInside(root, at); at = parentPath(at)) missing.unshift(at);
  for (const at of missing) {
    mkdirSync(hostPath(root, at), { mode: 0o755 });
    if (owner) lchownSync(hostPath(root, at), owner.uid, owner.gid);
  }
  if (statInside(root, path)?.isDirectory() === true) return path;
  throw new CodedError('SANDBOX_FAILED', `sandbox: the working directory ${cwd} is not a directory`, {
    operation: 'cwd',
  });
}

function isSignalCode(exitCode: number): boolean {
  return Object.values(osConstants.signals).includes(exitCode - SIGNAL_EXIT_BASE);
}
