import { spawnSync } from 'node:child_process';
import { chmod, copyFile, mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { output } from './parts';

/** What a shell script needs, as far as `/bin/sh` has it not built in. */
const usualPrograms = ['sh', 'cat', 'chmod', 'cp', 'env', 'grep', 'id', 'ln', 'ls', 'mkdir', 'rm', 'sleep', 'stat'];

/**
 * Copies some of this machine's programs, with the libraries that they are linked to, into `directory`: the root of a
 * base image that runs here, without anything from a registry.
 */
export async function createHostRoot(directory: string, programs: readonly string[] = []): Promise<void> {
  for (const name of ['bin', 'etc', 'tmp']) await mkdir(join(directory, name), { recursive: true });
  await chmod(join(directory, 'tmp'), 0o1777);
  await writeFile(join(directory, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000::/:/bin/sh\n');
  await writeFile(join(directory, 'etc/group'), 'root:x:0:\nworker:x:1000:\n');
  await symlink('bin', join(directory, 'sbin'));
  const libraries = new Set<string>();
  for (const name of [...usualPrograms, ...programs]) {
    const path = output('sh', '-c', 'command -v "$1"', 'sh', name).trim();
    await copyFile(await realpath(path), join(directory, 'bin', name));
    for (const library of librariesOf(path)) libraries.add(library);
  }
  for (const library of libraries) {
    const copy = join(directory, library);
    await mkdir(dirname(copy), { recursive: true });
    await copyFile(library, copy);
  }
}

/** Absolute paths, the loader included; none for a static program. */
function librariesOf(program: string): readonly string[] {
  const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' });
  return [...stdout.matchAll(/(?:^|\s)(\/\S+)(?= \(0x)/g)].map(([, path = '']) => path);
}
