import { existsSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { findBuilder } from '../../src/engine/buildkit/find-builder';
import { repositoryRoot } from '../../src/testing/repository-root';

type Environment = Readonly<Record<string, string | undefined>>;

interface StartedDaemon {
  readonly env: Readonly<Record<string, string>>;
  readonly docker: string;
}

interface DaemonModule {
  readonly startDaemon: (
    name: string,
    log: (line: string) => void,
  ) => Promise<{ readonly daemon: StartedDaemon } | { readonly reason: string }>;
  readonly stopDaemon: (name: string) => Promise<unknown>;
}

export interface DockerEnvironment {
  readonly env: Environment;
  readonly builder?: string;
  close(): Promise<unknown>;
}

/**
 * The docker that `DOCKER_HOST` or `NXRC_E2E_BUILDER` names, or else a dockerd of its own in a Debian root. A string
 * tells why there is none.
 */
export async function openDocker(): Promise<DockerEnvironment | string> {
  const builder = process.env['NXRC_E2E_BUILDER'] ?? '';
  if (builder !== '' || process.env['DOCKER_HOST'] !== undefined) {
    return checked({
      env: process.env,
      ...(builder !== '' && { builder }),
      close: () => Promise.resolve(),
    });
  }
  const path = join(repositoryRoot(), 'scripts/support/buildkit/daemon.mjs');
  if (!existsSync(path)) return 'neither DOCKER_HOST nor NXRC_E2E_BUILDER is set';
  const { startDaemon, stopDaemon } = (await import(pathToFileURL(path).href)) as DaemonModule;
  const name = `e${process.pid.toString(36)}-0`;
  const started = await startDaemon(name, (line) => console.log(line));
  if ('reason' in started) return started.reason;
  const { daemon } = started;
  const env = { ...process.env, ...daemon.env, PATH: `${dirname(daemon.docker)}:${process.env['PATH'] ?? ''}` };
  return checked({ env, close: () => stopDaemon(name) });
}

/**
 * The BuildKit that `BUILDKIT_HOST` names, spoken to by the `buildctl` of the path, with no docker to be found. A string
 * tells why there is none.
 */
export async function openBuildctl(): Promise<DockerEnvironment | string> {
  const { BUILDKIT_HOST: host = '', PATH: path = '' } = process.env;
  if (host === '') return 'BUILDKIT_HOST is not set';
  const buildctl = path
    .split(delimiter)
    .map((directory) => join(directory, 'buildctl'))
    .find(existsSync);
  if (buildctl === undefined) return 'buildctl is not installed';
  const directory = await mkdtemp(join(tmpdir(), 'nxrc-path-'));
  await symlink(buildctl, join(directory, 'buildctl'));
  return { env: { BUILDKIT_HOST: host, PATH: directory }, close: () => rm(directory, { recursive: true }) };
}

async function checked(docker: DockerEnvironment): Promise<DockerEnvironment | string> {
  const { env, builder } = docker;
  try {
    const found = await findBuilder({ env, ...(builder !== undefined && { builder }) });
    return found.kind === 'buildx' && found.isComplete ? docker : 'the builder cannot export caches';
  } catch (error) {
    await docker.close();
    return error instanceof Error ? error.message : String(error);
  }
}
