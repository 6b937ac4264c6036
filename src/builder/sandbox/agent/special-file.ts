import { spawnSync } from 'node:child_process';
import type { FileEntry } from '../../../filetree/contract';
import type { ToolPaths } from '../tools';

export type SpecialFile = Pick<FileEntry, 'type' | 'devMajor' | 'devMinor'>;

const letters = { char: 'c', block: 'b', fifo: 'p' } as const;

/** Makes a device node or a pipe by the host's `mknod` (Node has no call for it). Gives what went wrong, if anything. */
export function makeSpecialFile(tools: ToolPaths, file: SpecialFile, path: string | Buffer): string | undefined {
  if (tools.mknod === undefined) return 'device nodes and pipes were left out: the program "mknod" is not installed';
  const { type, devMajor = 0, devMinor = 0 } = file;
  if (type !== 'char' && type !== 'block' && type !== 'fifo') throw new Error(`${type} is no special file`);
  const numbers = type === 'fifo' ? [] : [String(devMajor), String(devMinor)];
  const result = spawnSync(tools.mknod, [path.toString(), letters[type], ...numbers], { stdio: 'ignore' });
  return result.status === 0 ? undefined : 'device nodes were left out: making them needs root';
}
