import { chmodSync, existsSync, mkdirSync, readdirSync, readlinkSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMountPoints, keepParentTimes } from './mount-points';
import { requireTool, runHostCommands } from './host-command';
import type { Launch, LaunchRequest } from './launch';
import type { PreparedMount } from './prepared-mount';
import { commandLines } from './root-command';
import { hostPath, removeInside, statInside } from './rooted-path';
import { makeSpecialFile } from './special-file';
import { removeTree } from './workspace';

/** How often what is left of a step is looked for, and how long between, in milliseconds. */
const KILL_ATTEMPTS = 200;
const KILL_INTERVAL_MS = 5;

/** Major and minor numbers of the devices that a command can count on (Linux, devices.txt). */
const devices = { null: [1, 3], zero: [1, 5], full: [1, 7], random: [1, 8], urandom: [1, 9], tty: [5, 0] } as const;

/**
 * Runs the command in a plain `chroot`, for root in a container that may neither mount nor make namespaces. Mounts are
 * copies: put in place before and taken away after, and written back where the step may write. There is no `/proc`, no
 * own network, and processes are found by their root to be ended.
 */
export function launchInChroot(request: LaunchRequest): Launch {
  const undo = [...request.mounts.map((mount, index) => place(request, mount, index)), placeDevices(request)];
  const script = join(request.directory, 'script');
  writeFileSync(script, commandLines(request, { root: request.root }).join('\n'), { mode: 0o600 });
  return {
    program: requireTool(request.tools, 'sh'),
    args: [script],
    failure: () => undefined,
    kill: (child, signal) => {
      // Before it has changed its root, the command is only known as the child.
      for (const pid of new Set([child, ...processesIn(request.root)])) signalProcess(pid, signal);
    },
    cleanUp: () => {
      killAll(request.root);
      for (const step of undo.reverse()) step();
    },
  };
}

/** Puts a copy of a mount's source at its destination; gives the function that restores what was there. */
function place(request: LaunchRequest, mount: PreparedMount, index: number): () => void {
  const { root, tools, directory } = request;
  const removePoint = createMountPoints(root, [{ path: mount.dest, kind: mount.isDirectory ? 'directory' : 'file' }]);
  const target = join(root, mount.dest);
  const aside = join(directory, `aside-${index}`);
  keepParentTimes(root, mount.dest, () => renameSync(target, aside));
  const cp = requireTool(tools, 'cp');
  keepParentTimes(root, mount.dest, () => {
    if (mount.source !== undefined) runHostCommands(tools, [[cp, '-aT', mount.source, target]]);
    else mkdirSync(target);
  });
  if (mount.source === undefined) chmodSync(target, 0o1777);
  return () => {
    if (mount.source !== undefined && !mount.readOnly) {
      if (mount.isDirectory) for (const name of readdirSync(mount.source)) removeTree(join(mount.source, name));
      runHostCommands(tools, [[cp, '-aT', target, mount.source]]);
    }
    keepParentTimes(root, mount.dest, () => {
      if (statInside(root, mount.dest)) removeInside(root, mount.dest);
      renameSync(aside, target);
    });
    removePoint();
  };
}

function placeDevices({ root, tools }: LaunchRequest): () => void {
  const removePoint = createMountPoints(root, [{ path: 'dev', kind: 'directory' }]);
  const made: string[] = [];
  for (const [name, [devMajor, devMinor]] of Object.entries(devices)) {
    const path = `dev/${name}`;
    if (statInside(root, path)) continue;
    let problem: string | undefined;
    keepParentTimes(root, path, () => {
      problem = makeSpecialFile(tools, { type: 'char', devMajor, devMinor }, hostPath(root, path));
    });
    if (problem !== undefined) continue;
    chmodSync(hostPath(root, path), 0o666);
    made.push(path);
  }
  return () => {
    for (const path of made) {
      if (statInside(root, path)) keepParentTimes(root, path, () => removeInside(root, path));
    }
    removePoint();
  };
}

/** Kills what still runs in a root, also what is started meanwhile. */
function killAll(root: string): void {
  const sleeper = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  for (let attempt = 0; attempt < KILL_ATTEMPTS; attempt++) {
    const left = processesIn(root);
    if (left.length === 0) return;
    for (const pid of left) signalProcess(pid, 'SIGKILL');
    Atomics.wait(sleeper, 0, 0, KILL_INTERVAL_MS);
  }
}

/** Processes whose root directory is `root` or lies in it. */
function processesIn(root: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && existsSync(`/proc/${name}/root`))
    .map(Number)
    .filter((pid) => {
      try {
        const where = readlinkSync(`/proc/${pid}/root`);
        return where === root || where.startsWith(`${root}/`);
      } catch {
        return false;
      }
    });
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
