import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../process.mjs';
import { debianTarget } from './debian-root.mjs';
import { home } from './places.mjs';

/** What a base image for servers does not need, relative to its root. */
const leftOut = ['./var/cache/apt/*', './var/lib/apt/lists/*', './usr/share/doc/*', './usr/share/locale/*', './dev/*'];

/**
 * A tar of a small Debian with glibc and apt, of the release and from the package source of this machine; made once.
 *
 * @param {(line: string) => void} print
 * @returns {Promise<{ tar: string } | { reason: string }>}
 */
export async function ensureDebianBase(print) {
  if (process.getuid?.() !== 0) return { reason: 'a base image of Debian needs root, to run debootstrap' };
  const target = await debianTarget();
  if (target === undefined) {
    return { reason: 'a base image of Debian needs a Debian package source in the configuration of apt' };
  }
  const tar = join(home, `base-${target.release}.tar`);
  if (existsSync(tar)) return { tar };
  if (!existsSync('/usr/sbin/debootstrap')) return { reason: 'a base image of Debian needs debootstrap' };
  await mkdir(home, { recursive: true });
  print(`making a base image of Debian (${target.release})`);
  const aside = `${tar}.${process.pid}`;
  const root = `${aside}.root`;
  try {
    const made = await run('debootstrap', ['--variant=minbase', target.release, root, target.site], { capture: true });
    if (made.code !== 0) return { reason: `debootstrap could not make a base image: ${lastLines(made.output)}` };
    const excludes = leftOut.map((pattern) => `--exclude=${pattern}`);
    const packed = await run(
      'tar',
      ['--create', '--sort=name', '--numeric-owner', '--file', aside, '--directory', root, ...excludes, '.'],
      { capture: true },
    );
    if (packed.code !== 0) return { reason: `tar could not pack a base image: ${lastLines(packed.output)}` };
    await rename(aside, tar);
    return { tar };
  } finally {
    await rm(aside, { force: true });
    await rm(root, { recursive: true, force: true });
  }
}

function lastLines(output) {
  return output.trim().split('\n').slice(-2).join(' / ');
}
