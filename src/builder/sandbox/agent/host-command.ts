import { spawnSync } from 'node:child_process';
import { CodedError } from '../../../diagnostics/coded-error';
import type { ToolName, ToolPaths } from '../tools';

/** Longest part of a program's complaint that goes into a message. */
const MAX_STDERR_CHARS = 2000;

/** Directories of the host that its programs and their libraries lie in. */
export const programDirectories = [
  '/bin',
  '/lib',
  '/lib32',
  '/lib64',
  '/sbin',
  '/usr',
  '/nix/store',
  '/gnu/store',
] as const;

/** One host command: program and arguments. */
export type HostCommand = readonly [program: string, ...args: string[]];

/** The path of a tool, or an error that says which package has it. */
export function requireTool(tools: ToolPaths, name: ToolName): string {
  const path = tools[name];
  if (path !== undefined) return path;
  throw new CodedError('SANDBOX_FAILED', `sandbox: the program "${name}" is not installed`, { operation: name });
}

export interface HostCommandOptions {
  readonly cwd?: string;
  /** Descriptors that the commands see from 3 on. */
  readonly descriptors?: readonly number[];
}

/** Runs commands in order in one shell, up to the first that fails. Throws `SANDBOX_FAILED` with what it complained. */
export function runHostCommands(
  tools: ToolPaths,
  commands: readonly HostCommand[],
  options: HostCommandOptions = {},
): void {
  if (commands.length === 0) return;
  const script = commands.map((command) => command.map(shellQuote).join(' ')).join(' && ');
  const [program, ...args] =
    commands.length === 1 && commands[0] ? commands[0] : [requireTool(tools, 'sh'), '-c', script];
  const result = spawnSync(program, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ['ignore', 'ignore', 'pipe', ...(options.descriptors ?? [])],
    env: hostEnvironment,
  });
  if (result.error) throw result.error;
  if (result.status === 0) return;
  const complaint = result.stderr.toString('utf8').trim().slice(-MAX_STDERR_CHARS);
  const operation = commands.length === 1 ? program : 'mount';
  throw new CodedError('SANDBOX_FAILED', `sandbox: ${complaint || `${operation} failed`}`, { operation });
}

/** libmount from 2.39 on hands mount options over one by one, each cut at 256 bytes; a list of layers is longer. */
export const hostEnvironment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', LIBMOUNT_FORCE_MOUNT2: 'always' };

/** A word for a POSIX shell that stands for exactly `text`. */
export function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
