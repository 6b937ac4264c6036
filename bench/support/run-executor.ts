import { join } from 'node:path';
import { repositoryRoot } from '../../src/testing/repository-root';
import type { DockerBuildOptions } from '../../src/workspace/docker-build-options';
import { processOutput } from './process-output';

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
export function runExecutor(job: ExecutorJob): Promise<string> {
  const program = join(repositoryRoot(), 'dist/bench/support/executor-process.js');
  const nodeOptions = process.env['NXRC_BENCH_NODE_OPTIONS']?.split(' ') ?? [];
  return processOutput([...nodeOptions, program, JSON.stringify(job)]);
}
