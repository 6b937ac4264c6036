import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { repositoryRoot } from '../../src/testing/repository-root';
import type { DockerBuildOptions } from '../../src/workspace/docker-build-options';

export interface ExecutorJob {
  /** Absolute directory of the workspace. */
  readonly root: string;
  /** One after the other. */
  readonly builds: readonly {
    readonly project: string;
    /** Relative to `root`. */
    readonly projectRoot: string;
    readonly options: DockerBuildOptions;
  }[];
}

/** Builds with the executor in a Node of its own; gives what it printed. NXRC_BENCH_NODE_OPTIONS can profile it. */
export async function runExecutor(job: ExecutorJob): Promise<string> {
  const program = join(repositoryRoot(), 'dist/bench/support/executor-process.js');
  const nodeOptions = process.env['NXRC_BENCH_NODE_OPTIONS']?.split(' ') ?? [];
  const child = spawn(process.execPath, [...nodeOptions, program, JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer): void => void (output += chunk.toString());
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(output);
  return output;
}
