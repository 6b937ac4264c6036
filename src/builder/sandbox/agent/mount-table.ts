import { readFileSync } from 'node:fs';
import type { ToolPaths } from '../tools';
import { requireTool, runHostCommands } from './host-command';

/** Flags that a user namespace may not take off a mount it inherited (mount_namespaces(7), "Restrictions"). */
const locked = new Set(['nosuid', 'nodev', 'noexec']);

interface Mount {
  readonly point: string;
  readonly flags: readonly string[];
}

/** Those flags of the mount that a path lies on; a remount of a bind has to repeat them. */
export function restrictiveFlags(path: string): readonly string[] {
  let best: Mount = { point: '', flags: [] };
  for (const mount of readMounts()) {
    const contains = mount.point === '/' || path === mount.point || path.startsWith(`${mount.point}/`);
    if (contains && mount.point.length >= best.point.length) best = mount;
  }
  return best.flags.filter((flag) => locked.has(flag));
}

/**
 * Detaches every mount below a directory, so that removing the directory cannot reach what was mounted there. What still
 * uses such a mount keeps it alive only until it ends.
 */
export function unmountBelow(tools: ToolPaths, directory: string): void {
  const points = readMounts()
    .map(({ point }) => point)
    .filter((point) => point.startsWith(`${directory}/`));
  if (points.length === 0) return;
  runHostCommands(tools, [[requireTool(tools, 'umount'), '-l', ...points.reverse()]]);
}

/** The mounts of this namespace in the order in which they were made (proc(5), mountinfo). */
function readMounts(): readonly Mount[] {
  const mounts: Mount[] = [];
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [, , , , point, flags] = line.split(' ');
    if (point === undefined || flags === undefined) continue;
    mounts.push({ point: unescapeOctal(point), flags: flags.split(',') });
  }
  return mounts;
}

function unescapeOctal(text: string): string {
  if (!text.includes('\\')) return text;
  const bytes = text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
