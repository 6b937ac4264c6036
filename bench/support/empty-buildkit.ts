import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RealBuildKit } from '../../e2e/testing/real-buildkit';
import { runProgram, versionOf } from './programs';

export interface PushBuild {
  /** Holds the Dockerfile, too. */
  readonly context: string;
  readonly image: string;
  /** References of caches; written in mode max. */
  readonly cacheFrom?: string;
  readonly cacheTo?: string;
}

/** A BuildKit that runs and has seen nothing. */
export interface EmptyBuildKit extends AsyncDisposable {
  readonly version: string;
  build(build: PushBuild): Promise<unknown>;
}

/**
 * Starts one: `buildkitd` of the directory that NXRC_BENCH_BUILDKITD names, with `buildctl` beside it, or else the
 * dockerd that end-to-end tests use. A string tells why there is none.
 */
export function openEmptyBuildKit(directory: string): Promise<EmptyBuildKit | string> {
  const programs = process.env['NXRC_BENCH_BUILDKITD'];
  return programs === undefined || programs === '' ? openDocker() : openBuildkitd(programs, directory);
}

async function openDocker(): Promise<EmptyBuildKit | string> {
  const opened = await RealBuildKit.open();
  if (typeof opened === 'string') return opened;
  return {
    version: opened.version,
    build: ({ context, image, cacheFrom, cacheTo }) =>
      opened.build({
        context,
        push: image,
        ...(cacheFrom !== undefined && { cacheFrom: [`type=registry,ref=${cacheFrom}`] }),
        ...(cacheTo !== undefined && { cacheTo: [`type=registry,ref=${cacheTo},mode=max`] }),
      }),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

const startTimeoutMs = 30_000;
const pollIntervalMs = 50;

async function openBuildkitd(programs: string, directory: string): Promise<EmptyBuildKit | string> {
  const buildkitd = join(programs, 'buildkitd');
  const buildctl = join(programs, 'buildctl');
  const missing = [buildkitd, buildctl].find((path) => !existsSync(path));
  if (missing !== undefined) return `there is no ${missing}`;
  const root = await mkdtemp(join(directory, 'buildkitd-'));
  const address = `unix://${join(root, 'socket')}`;
  const args = [
    '--root',
    join(root, 'state'),
    '--addr',
    address,
    '--oci-worker',
    'true',
    '--containerd-worker',
    'false',
  ];
  const child = spawn(buildkitd, args, { stdio: 'ignore' });
  const ended = once(child, 'close');
  const ask = (...words: readonly string[]): Promise<number> => runProgram(buildctl, ['--addr', address, ...words]);
  const close = async (): Promise<void> => {
    child.kill();
    await ended;
    await rm(root, { recursive: true, force: true });
  };
  const deadline = Date.now() + startTimeoutMs;
  const answers = (): Promise<boolean> =>
    ask('debug', 'workers').then(
      () => true,
      () => false,
    );
  while (!(await answers())) {
    if (Date.now() > deadline || child.exitCode !== null) {
      await close();
      return `${buildkitd} does not start`;
    }
    await sleep(pollIntervalMs);
  }
  return {
    version: versionOf(buildkitd),
    build: ({ context, image, cacheFrom, cacheTo }) =>
      ask(
        'build',
        '--progress=plain',
        '--frontend=dockerfile.v0',
        `--local=context=${context}`,
        `--local=dockerfile=${context}`,
        `--output=type=image,name=${image},push=true`,
        ...(cacheFrom === undefined ? [] : [`--import-cache=type=registry,ref=${cacheFrom}`]),
        ...(cacheTo === undefined ? [] : [`--export-cache=type=registry,ref=${cacheTo},mode=max`]),
      ),
    [Symbol.asyncDispose]: close,
  };
}
