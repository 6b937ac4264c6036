/** Of `/proc` and `/sys`, what a build must not see: Docker's default list. */
export const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
] as const;

/** What it may read but not write. */
export const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'] as const;

/** Device nodes that every container has. */
export const deviceNames = ['null', 'zero', 'full', 'random', 'urandom', 'tty'] as const;

/** Bytes of `/dev/shm` where none are asked for; Docker's default. */
export const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;
/** Bytes that `/dev` itself may hold. */
export const DEV_BYTES = 64 * 1024 * 1024;

/** BuildKit's, so that commands that write it down give the same layers. */
export const defaultHostname = 'buildkitsandbox';
