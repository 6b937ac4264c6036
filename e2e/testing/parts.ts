import { spawnSync } from 'node:child_process';

const searchPath = [process.env['PATH'] ?? '', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(':');

/** Whether the program is installed. */
export function hasProgram(name: string): boolean {
  const found = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name], {
    env: { ...process.env, PATH: searchPath },
    stdio: 'ignore',
  });
  return found.status === 0;
}

/** The reason to leave a test out, or false if every program is installed: for `skip` of `node:test`. */
export function needs(...programs: readonly string[]): string | false {
  const missing = programs.filter((name) => !hasProgram(name));
  return missing.length > 0 && `not installed on this machine: ${missing.join(', ')}`;
}

/** Runs one of the machine's programs to its end and gives what it printed. Throws with its complaint if it fails. */
export function output(program: string, ...args: readonly string[]): string {
  const result = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${result.stderr}${result.stdout}`);
  return result.stdout;
}
