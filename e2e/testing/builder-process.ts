import { setMaxListeners } from 'node:events';
import { homedir } from 'node:os';
import { createSandbox } from '../../src/builder/sandbox/create-sandbox';
import type { RuntimeName } from '../../src/builder/sandbox/agent/protocol';
import { createEngine } from '../../src/engine/create-engine';
import { EmbeddedEngine } from '../../src/engine/embedded/embedded-engine';
import { behindStageRefs } from '../../src/executors/docker-build/engine-for';
import { runBuild } from '../../src/executors/docker-build/run-build';
import { hostPlatform } from '../../src/oci/platform';
import type { DockerBuildOptions } from '../../src/workspace/docker-build-options';

/** What a {@link ../testing/builder!Builder} hands to the process that it starts. */
export interface BuilderJob {
  readonly options: DockerBuildOptions;
  readonly workspaceRoot: string;
  readonly projectRoot: string;
  /** How RUN steps are run; undefined takes the best way, as the executor does. */
  readonly runtime?: RuntimeName;
}

/** One build in a process of its own, as the executor runs it: what it prints, its exit code, its signals. */
async function main(job: BuilderJob): Promise<void> {
  const interruption = new AbortController();
  setMaxListeners(0, interruption.signal);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());
  const { success } = await runBuild(
    job.options,
    {
      workspaceRoot: job.workspaceRoot,
      projectName: 'app',
      projectRoot: job.projectRoot,
      env: process.env,
      homeDirectory: homedir(),
      hostPlatform: { ...hostPlatform(process), os: 'linux' },
    },
    {
      write: (text) => void process.stdout.write(text),
      now: Date.now,
      isTerminal: false,
      terminalSize: () => ({ columns: 120, rows: 40 }),
      isVerbose: false,
      signal: interruption.signal,
      createEngine: async (plan) => {
        const { builder, engine: choice, stateDirectory } = plan;
        if (choice === 'buildkit') {
          const named = builder === undefined ? {} : { builder };
          const engine = await createEngine({ choice, env: process.env, stateDirectory, ...named });
          return behindStageRefs(engine, plan, process.env);
        }
        const engine = new EmbeddedEngine({
          stateDirectory,
          env: process.env,
          homeDirectory: homedir(),
          now: Date.now,
          createSandbox: (directory, layers) =>
            createSandbox({
              stateDirectory: directory,
              layers,
              ...(job.runtime === undefined ? {} : { prefer: job.runtime }),
            }),
        });
        return behindStageRefs(engine, plan, process.env);
      },
    },
  );
  process.exitCode = success ? 0 : 1;
}

void main(JSON.parse(process.argv[2] ?? '') as BuilderJob);
