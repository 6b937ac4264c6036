import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { run } from '../process.mjs';
import { debianRoot, home } from './places.mjs';

const packages = ['ca-certificates', 'docker.io', 'docker-cli', 'docker-buildx', 'iptables', 'iproute2'];

/**
 * Suites whose Docker carries BuildKit 0.25 or newer, and debootstrap's script for each: an older debootstrap knows
 * only `sid`, which fits both.
 */
const suites = ['sid', 'forky'];

/** Why a Debian root cannot be made or used here; undefined if it can. */
export function whyNoDebianRoot() {
  if (process.platform !== 'linux') return 'a real BuildKit needs Linux';
  if (process.getuid?.() !== 0) return 'a real BuildKit needs root, to start dockerd in a Debian root';
  if (existsSync(debianRoot)) return undefined;
  if (!existsSync('/usr/sbin/debootstrap')) return 'a real BuildKit needs debootstrap, to make a Debian root';
  return undefined;
}

/**
 * The package source of this machine that has Debian itself, as apt knows it, and the release it takes from there.
 *
 * @returns {Promise<{ site: string, release: string } | undefined>} undefined if apt has none
 */
export async function debianTarget() {
  const format = '$(SITE) $(RELEASE) $(COMPONENT)';
  const { code, output } = await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    capture: true,
  }).catch(() => ({ code: 1, output: '' }));
  if (code !== 0) return undefined;
  for (const line of output.split('\n')) {
    const [site, release, component] = line.split(' ');
    // Updates and security have a dash or a slash in their names.
    if (component === 'main' && release !== undefined && !/[-/]/.test(release)) return { site, release };
  }
  return undefined;
}

/**
 * Makes the Debian root unless it is there, which takes about a minute.
 *
 * @param {(line: string) => void} print
 * @returns {Promise<string | undefined>} why there is none
 */
export async function ensureDebianRoot(print) {
  const reason = whyNoDebianRoot();
  if (reason !== undefined || existsSync(debianRoot)) return reason;
  const target = await debianTarget();
  if (target === undefined) return 'a real BuildKit needs a Debian package source in the configuration of apt';
  await mkdir(home, { recursive: true });
  for (const suite of suites) {
    // Aside, so that a run that is cut off leaves no half a root that the next run would use.
    const aside = `${debianRoot}.${process.pid}`;
    print(`making a Debian root with Docker (${suite}), which takes about a minute`);
    const { code, output } = await run(
      'debootstrap',
      [
        '--variant=minbase',
        `--include=${packages.join(',')}`,
        suite,
        aside,
        target.site,
        '/usr/share/debootstrap/scripts/sid',
      ],
      { capture: true },
    );
    if (code === 0) {
      await rename(aside, debianRoot).catch(async (error) => {
        await rm(aside, { recursive: true, force: true });
        // Another run was faster.
        if (!existsSync(debianRoot)) throw error;
      });
      return undefined;
    }
    print(output.split('\n').slice(-4).join('\n').trim());
    await rm(aside, { recursive: true, force: true });
  }
  return 'debootstrap could not make a Debian root for a real BuildKit';
}
