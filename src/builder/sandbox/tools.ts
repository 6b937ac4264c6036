import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

const toolNames = [
  'sh',
  'mount',
  'umount',
  'cp',
  'mkdir',
  'env',
  'mkfifo',
  'mknod',
  'pivot_root',
  'unshare',
  'setpriv',
  'prlimit',
  'hostname',
  'ip',
  'crun',
  'runc',
  'newuidmap',
  'newgidmap',
  'getfattr',
  'tar',
] as const;

/** A program of the host that the sandbox may use. Nothing of the image is ever run to set up or take down. */
export type ToolName = (typeof toolNames)[number];
export type ToolPaths = Readonly<Partial<Record<ToolName, string>>>;

/** Where administrators' programs lie that an ordinary user's search path leaves out. */
const systemDirectories = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** Absolute paths of the tools that this machine has. `searchPath` is what `PATH` would hold. */
export function findTools(searchPath: string): ToolPaths {
  const directories = [...searchPath.split(delimiter).filter(isAbsolute), ...systemDirectories];
  const found: Partial<Record<ToolName, string>> = {};
  for (const name of toolNames) {
    const path = directories.map((directory) => join(directory, name)).find(isExecutableFile);
    if (path !== undefined) found[name] = path;
  }
  return found;
}

export function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
