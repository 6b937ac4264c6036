import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync, statSync } from 'node:fs';

/** Age in milliseconds from which a directory of a process that cannot be seen from here counts as abandoned. */
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000;
/** Index of the start time in `/proc/PID/stat`, counted behind the command's name (proc(5)). */
const START_TIME_FIELD = 19;

/**
 * Names of a process's runs. They tell who made them and when that process was started, so that a later build removes
 * what a dead one left, and only that: several builds share the directory, maybe from several containers.
 */
export class RunNames {
  readonly #prefix: string;
  #count = 0;

  constructor(pid: number) {
    this.#prefix = `${machineName()}-${pid}-${startTime(pid) ?? '0'}-${randomBytes(4).toString('hex')}`;
  }

  next(): string {
    return `${this.#prefix}-${this.#count++}`;
  }
}

/** Whether the process that made the run's `directory` is gone. `nowMs` is the time since the epoch. */
export function isAbandoned(name: string, directory: string, nowMs: number): boolean {
  const [machine, pid, started] = name.split('-');
  if (machine === machineName()) return startTime(Number(pid)) !== started;
  try {
    return nowMs - statSync(directory).mtimeMs > ABANDONED_AFTER_MS;
  } catch {
    return false;
  }
}

/** This boot and this process namespace: inside of which process ids mean something. */
function machineName(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8);
    return `${boot}.${readlinkSync('/proc/self/ns/pid').replace(/\D/g, '')}`;
  } catch {
    return 'unknown';
  }
}

/** Clock ticks since boot; undefined where there is no such process. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[START_TIME_FIELD];
  } catch {
    return undefined;
  }
}
