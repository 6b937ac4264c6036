import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** Whether the machine has a program. */
export function hasProgram(name: string): boolean {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).error === undefined;
}

/** The first line of `name --version`. */
export function versionOf(name: string): string {
  const { stdout, stderr } = spawnSync(name, ['--version'], { encoding: 'utf8' });
  return (stdout || stderr).split('\n')[0]?.trim() ?? name;
}

/** Runs a program to its end and gives the bytes that it wrote to its output. */
export async function runProgram(name: string, args: readonly string[]): Promise<number> {
  const child = spawn(name, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let bytes = 0;
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (bytes += chunk.byteLength));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${name} ${args.join(' ')} failed: ${errors}`);
  return bytes;
}
