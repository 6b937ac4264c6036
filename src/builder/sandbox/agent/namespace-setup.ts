import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isWithin, parentPath } from '../../../filetree/paths';
import { formatFstab, type FstabEntry } from './fstab';
import { programDirectories, requireTool, shellQuote } from './host-command';
import { DEV_BYTES, defaultHostname, deviceNames, maskedPaths, readonlyPaths } from './kernel-paths';
import type { LaunchRequest } from './launch';
import { restrictiveFlags } from './mount-table';
import type { PreparedMount } from './prepared-mount';

/** Where the dynamic loader knows libraries from; programs find the usual ones without it. */
const loaderCache = '/etc/ld.so.cache';

/** Links that every container's `/dev` has. */
const deviceLinks = {
  fd: '/proc/self/fd',
  stdin: '/proc/self/fd/0',
  stdout: '/proc/self/fd/1',
  stderr: '/proc/self/fd/2',
  ptmx: 'pts/ptmx',
} as const;

/** Where the step's root lies once the script has left the machine's root. */
export const stepRoot = '/step';

/**
 * Lines of a shell script, run inside fresh namespaces, that mount a container's file systems and leave the machine's
 * root for one that has only its programs, read-only, and the step's root at {@link stepRoot}: root inside of a mere
 * `chroot` could walk out of it.
 */
export function namespaceSetup(request: LaunchRequest): readonly string[] {
  const { tools, identity, exec, directory } = request;
  const outer = createOuterRoot(directory);
  const root = `${outer}${stepRoot}`;
  const line = (...words: readonly string[]): string => words.map(shellQuote).join(' ');
  const mount = (...words: readonly string[]): string => line(requireTool(tools, 'mount'), ...words);
  const mountAll = (name: string, entries: readonly FstabEntry[]): string => {
    const path = join(directory, name);
    writeFileSync(path, formatFstab(entries), { mode: 0o600 });
    return mount('--all', '--fstab', path);
  };
  const isProtected = identity === 'root' && exec.security !== 'insecure';
  const sysOptions = `${isProtected ? 'ro,' : ''}nosuid,nodev,noexec`;
  const stepMounts = request.mounts.map((prepared) => stepMount(root, prepared));
  const optional = [...optionalMounts(root), ...(isProtected ? protections(root) : [])];
  return [
    mountAll('fstab-outer', [
      ...outerMounts(outer),
      bind('/proc', `${outer}/proc`, ['rbind']),
      bind(request.root, root, ['rbind']),
    ]),
    // A container whose own /proc or /sys is partly covered may not mount a fresh one; the outer one then has to do.
    `${mount('-t', 'proc', '-o', 'nosuid,nodev,noexec', 'proc', `${root}/proc`)} || ${mount('--rbind', '/proc', `${root}/proc`)}`,
    `${mount('-t', 'sysfs', '-o', sysOptions, 'sysfs', `${root}/sys`)} || ${mount('--rbind', '/sys', `${root}/sys`)}`,
    mount('-t', 'tmpfs', '-o', `mode=755,nosuid,nodev,size=${DEV_BYTES}`, 'tmpfs', `${root}/dev`),
    line(requireTool(tools, 'cp'), '-a', `${deviceSkeleton(directory)}/.`, `${root}/dev`),
    ...request.mounts.flatMap((prepared, index) => nestedFile(request, prepared, request.mounts.slice(0, index), line)),
    mountAll('fstab', [...deviceMounts(root, request.shmSizeBytes), ...stepMounts]),
    `${mountAll('fstab-optional', optional)} || :`,
    ...(tools.hostname === undefined ? [] : [`${line(tools.hostname, exec.hostname ?? defaultHostname)} || :`]),
    ...(exec.network === 'none' && tools.ip !== undefined ? [`${line(tools.ip, 'link', 'set', 'lo', 'up')} || :`] : []),
    line('cd', outer),
    line(requireTool(tools, 'pivot_root'), '.', 'old'),
    // It looks a mount up in /proc. That one is not protected, so only a user namespace, which needs no protection and
    // maps ids by it, keeps it.
    line(requireTool(tools, 'umount'), '-l', '/old', ...(identity === 'root' ? ['/proc'] : [])),
  ];
}

/** A directory with the places of the machine's programs as it has them, links as links. */
function createOuterRoot(directory: string): string {
  const outer = join(directory, 'outer');
  for (const name of ['', 'old', stepRoot, 'etc', 'proc']) mkdirSync(join(outer, name), { mode: 0o755 });
  for (const path of programDirectories) {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats?.isSymbolicLink() === true) symlinkSync(readlinkSync(path), join(outer, path));
    else if (stats?.isDirectory() === true) mkdirSync(join(outer, path), { recursive: true, mode: 0o755 });
  }
  if (existsSync(loaderCache)) closeSync(openSync(join(outer, loaderCache), 'wx', 0o644));
  return outer;
}

function outerMounts(outer: string): readonly FstabEntry[] {
  const directories = programDirectories.filter(
    (path) => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true,
  );
  const files = existsSync(loaderCache) ? [loaderCache] : [];
  return [
    bind(outer, outer, ['bind']),
    ...[...directories, ...files].map((path) =>
      bind(path, `${outer}${path}`, ['bind', 'ro', ...restrictiveFlags(path)]),
    ),
  ];
}

/** What `/dev` consists of before anything is mounted in it. */
function deviceSkeleton(directory: string): string {
  const skeleton = join(directory, 'dev');
  for (const name of ['', 'pts', 'shm', 'mqueue']) mkdirSync(join(skeleton, name), { mode: 0o755 });
  for (const name of deviceNames) closeSync(openSync(join(skeleton, name), 'wx', 0o644));
  for (const [name, target] of Object.entries(deviceLinks)) symlinkSync(target, join(skeleton, name));
  return skeleton;
}

function bind(source: string, target: string, options: readonly string[]): FstabEntry {
  return { source, target, type: 'none', options };
}

function deviceMounts(root: string, shmSizeBytes: number): readonly FstabEntry[] {
  const devices = deviceNames.map((name) => bind(`/dev/${name}`, `${root}/dev/${name}`, ['bind']));
  const shm = ['mode=1777', 'nosuid', 'nodev', 'noexec', `size=${shmSizeBytes}`];
  return [...devices, { source: 'shm', target: `${root}/dev/shm`, type: 'tmpfs', options: shm }];
}

function optionalMounts(root: string): readonly FstabEntry[] {
  return [
    {
      source: 'devpts',
      target: `${root}/dev/pts`,
      type: 'devpts',
      options: ['newinstance', 'ptmxmode=0666', 'mode=0620', 'nosuid', 'noexec'],
    },
    { source: 'mqueue', target: `${root}/dev/mqueue`, type: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  ];
}

function stepMount(root: string, { dest, source, isDirectory, readOnly, sizeBytes }: PreparedMount): FstabEntry {
  const target = `${root}/${dest}`;
  if (source === undefined) {
    const size = sizeBytes === undefined || sizeBytes === 0 ? [] : [`size=${sizeBytes}`];
    return {
      source: 'tmpfs',
      target,
      type: 'tmpfs',
      options: ['mode=1777', 'nosuid', 'nodev', ...size, 'X-mount.mkdir'],
    };
  }
  const flags = new Set(['nosuid', 'nodev', ...(readOnly ? ['ro'] : []), ...restrictiveFlags(source)]);
  return bind(source, target, ['bind', ...flags, ...(isDirectory ? ['X-mount.mkdir'] : [])]);
}

/** `mount` makes missing directories by itself; a file inside an earlier mount has to be there. */
function nestedFile(
  { tools, root }: LaunchRequest,
  { dest, isDirectory }: PreparedMount,
  earlier: readonly PreparedMount[],
  line: (...words: readonly string[]) => string,
): readonly string[] {
  const covering = earlier.filter((other) => isWithin(other.dest, dest)).at(-1);
  if (isDirectory || covering?.readOnly === true) return [];
  if (covering === undefined && !isWithin('dev', dest)) return [];
  const base = covering?.source === undefined ? root : covering.source;
  const path = covering?.source === undefined ? dest : dest.slice(covering.dest.length + 1);
  const directory = parentPath(path);
  return [
    `{ ${line(requireTool(tools, 'mkdir'), '-p', `${base}/${directory}`)} && : >> ${shellQuote(`${base}/${path}`)}; } || :`,
  ];
}

/** A user namespace's root may not touch these anyway; the machine's own root has to be kept from them. */
function protections(root: string): readonly FstabEntry[] {
  const covered = maskedPaths.flatMap((path): readonly FstabEntry[] => {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (!stats) return [];
    const target = `${root}${path}`;
    return stats.isDirectory()
      ? [{ source: 'tmpfs', target, type: 'tmpfs', options: ['ro', 'size=0'] }]
      : [bind('/dev/null', target, ['bind'])];
  });
  const fixed = readonlyPaths
    .filter((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined)
    .map((path) => bind(`${root}${path}`, `${root}${path}`, ['bind', 'ro', 'nosuid', 'nodev', 'noexec']));
  return [...covered, ...fixed];
}
