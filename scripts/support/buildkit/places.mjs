import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Where the Debian root and its daemons lie. It is outside of the repository, so that another checkout finds it again;
 * `NXRC_BUILDKIT_ROOT` names another directory.
 */
export const home =
  process.env.NXRC_BUILDKIT_ROOT ??
  (process.getuid?.() === 0
    ? '/var/cache/nx-registry-cache/buildkit'
    : join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'nx-registry-cache/buildkit'));

/** The Debian system that dockerd runs in. */
export const debianRoot = join(home, 'root');

/**
 * A daemon's own directory, below which all that it writes stays.
 *
 * @param {string} name
 */
export function daemonPlaces(name) {
  if (!/^[a-z][a-z0-9-]{0,7}$/.test(name)) throw new Error(`${name} is no name of a daemon: up to 8 of a-z, 0-9 and -`);
  const directory = join(home, 'daemons', name);
  return {
    name,
    directory,
    socket: join(directory, 'run/docker.sock'),
    log: join(directory, 'dockerd.log'),
    pidFile: join(directory, 'pid'),
    docker: join(directory, 'bin/docker'),
    data: join(directory, 'data'),
    /** A directory for `DOCKER_CONFIG`, with the buildx plugin and nothing of the user's. */
    config: join(directory, 'config'),
  };
}
