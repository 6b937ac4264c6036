import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Makes a root file system with this machine's Node, npm and shell, in place of an image from the internet. Undefined
 * where the machine has no `ldd` or no npm to copy.
 */
export function makeNodeRoot(directory: string): string | undefined {
  const npm = join(dirname(process.execPath), '../lib/node_modules/npm');
  if (!existsSync(npm)) return undefined;
  const node = realpathSync(process.execPath);
  const shell = realpathSync('/bin/sh');
  let libraries: readonly string[];
  try {
    libraries = [node, shell, realpathSync('/usr/bin/env')].flatMap(librariesOf);
  } catch {
    return undefined;
  }
  const copy = (from: string, to: string): void => {
    mkdirSync(dirname(join(directory, to)), { recursive: true });
    cpSync(realpathSync(from), join(directory, to), { recursive: true });
  };
  copy(node, 'usr/local/bin/node');
  copy(shell, 'bin/sh');
  copy('/usr/bin/env', 'usr/bin/env');
  copy(npm, 'usr/local/lib/node_modules/npm');
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(directory, 'usr/local/bin/npm'));
  for (const library of new Set(libraries)) copy(library, library.slice(1));
  return directory;
}

function librariesOf(program: string): readonly string[] {
  const output = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...output.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path = '']) => path);
}
