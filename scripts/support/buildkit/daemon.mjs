import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, open, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ensureDebianRoot } from './debian-root.mjs';
import { daemonPlaces, debianRoot } from './places.mjs';

/** How long dockerd may take until it answers, and until it has ended. */
const startTimeoutMs = 60_000;
const stopTimeoutMs = 30_000;
const pollIntervalMs = 100;

const launcher = fileURLToPath(new URL('dockerd.sh', import.meta.url));

/**
 * A dockerd in the Debian root, apart from any other docker on the machine: own mounts, own data, own socket, no
 * firewall rules. It can be started several times under different names.
 *
 * @typedef {{ socket: string, env: Record<string, string>, buildx: string, docker: string }} RunningDaemon `env` has what the docker CLI
 *   needs to reach it; `docker` and `buildx` are the
 * binaries of CLI and plugin.
 */

/**
 * Starts a daemon unless it runs.
 *
 * @param {string} name
 * @param {(line: string) => void} print
 * @returns {Promise<{ daemon: RunningDaemon, started: boolean } | { reason: string }>} `reason`: why it cannot be
 */
export async function startDaemon(name, print) {
  const reason = await ensureDebianRoot(print);
  if (reason !== undefined) return { reason };
  const places = daemonPlaces(name);
  if (await answers(places.socket)) return { daemon: describe(places), started: false };
  await prepare(places);
  const log = await open(places.log, 'w');
  const address = `198.18.${createHash('sha256').update(places.directory).digest()[0]}.1/24`;
  const child = spawn('unshare', ['--mount', 'sh', launcher, debianRoot, places.directory, bridgeOf(places), address], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  await log.close();
  const ended = new Promise((resolve) => {
    child.once('error', resolve);
    child.once('exit', resolve);
  }).then(() => 'ended');
  await writeFile(places.pidFile, String(child.pid));
  for (const deadline = Date.now() + startTimeoutMs; Date.now() < deadline;) {
    if (await answers(places.socket)) {
      child.unref();
      return { daemon: describe(places), started: true };
    }
    if ((await Promise.race([ended, sleep(pollIntervalMs)])) === 'ended') break;
  }
  const said = (await readFile(places.log, 'utf8')).trim().split('\n').slice(-5).join('\n');
  await stopDaemon(name);
  return { reason: `dockerd of the Debian root does not start here:\n${said}` };
}

/** Stops a daemon, if it runs, and removes its data. Gives whether it ran. */
export async function stopDaemon(name) {
  const places = daemonPlaces(name);
  const pid = runningPid(places);
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM');
    for (const deadline = Date.now() + stopTimeoutMs; isAlive(pid) && Date.now() < deadline;)
      await sleep(pollIntervalMs);
    if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    await removeBridge(places);
  }
  await rm(places.directory, { recursive: true, force: true, maxRetries: 20, retryDelay: pollIntervalMs });
  return pid !== undefined;
}

/**
 * Names of the daemons that were started and not stopped, whether they still run or not.
 *
 * @returns {Promise<readonly string[]>}
 */
export async function startedDaemons() {
  return readdir(dirname(daemonPlaces('any').directory)).catch(() => []);
}

/** A daemon that runs, or undefined. */
export async function findDaemon(name) {
  const places = daemonPlaces(name);
  return (await answers(places.socket)) ? describe(places) : undefined;
}

async function prepare(places) {
  await rm(places.socket, { force: true });
  for (const directory of [
    places.data,
    dirname(places.socket),
    dirname(places.docker),
    join(places.config, 'cli-plugins'),
  ]) {
    await mkdir(directory, { recursive: true });
  }
  const plugin = ['usr/libexec', 'usr/lib']
    .map((folder) => join(debianRoot, folder, 'docker/cli-plugins/docker-buildx'))
    .find((path) => existsSync(path));
  if (plugin === undefined) throw new Error(`${debianRoot} has no docker-buildx`);
  await copyFile(plugin, join(places.config, 'cli-plugins/docker-buildx'));
  await copyFile(join(debianRoot, 'usr/bin/docker'), places.docker);
  await writeFile(join(places.config, 'config.json'), '{}\n');
  await writeFile(
    join(places.directory, 'daemon.json'),
    JSON.stringify({
      hosts: ['unix:///run/outside/run/docker.sock'],
      bridge: bridgeOf(places),
      // The image store that can export and import caches; it keeps what BuildKit makes in containerd.
      features: { 'containerd-snapshotter': true },
      iptables: false,
      ip6tables: false,
      'ip-forward': false,
      'ip-masq': false,
    }),
  );
}

function describe(places) {
  return {
    socket: places.socket,
    buildx: join(places.config, 'cli-plugins/docker-buildx'),
    docker: places.docker,
    env: { DOCKER_HOST: `unix://${places.socket}`, DOCKER_CONFIG: places.config },
  };
}

/** Names of network interfaces have 15 characters at most. */
function bridgeOf({ name }) {
  return `nxrc-${name}`;
}

function removeBridge(places) {
  return new Promise((resolve) => {
    const child = spawn('chroot', [debianRoot, 'ip', 'link', 'delete', bridgeOf(places)], { stdio: 'ignore' });
    child.once('error', resolve);
    child.once('exit', resolve);
  });
}

/** Undefined unless the recorded process is still dockerd. */
function runningPid({ pidFile }) {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('dockerd') ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    // A process that ended but was not waited for counts as ended.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

function answers(socketPath) {
  return new Promise((resolve) => {
    const ping = request({ socketPath, path: '/_ping', timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    ping.once('error', () => resolve(false));
    ping.once('timeout', () => ping.destroy());
    ping.end();
  });
}
