import { homedir } from 'node:os';
import type { ExecutorContext } from '@nx/devkit';
import { stoppable } from '../../content/stoppable';
import type { Engine } from '../../engine/contract';
import { createEngine } from '../../engine/create-engine';
import { hostPlatform } from '../../oci/platform';
import { StageRefEngine } from '../../stage-refs/stage-ref-engine';
import type { BuildPlan } from '../../workspace/build-plan';
import type { DockerBuildOptions } from '../../workspace/docker-build-options';
import { runBuild } from './run-build';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const defaultTerminalSize = { columns: 80, rows: 24 };

/** The executor `nx-registry-cache:docker-build`: builds the project's image, with a cache in a registry. */
export default async function dockerBuild(
  options: DockerBuildOptions,
  context: ExecutorContext,
): Promise<{ readonly success: boolean }> {
  const interruption = stoppable();
  const interrupt = (): void => interruption.stop(new Error('interrupted'));
  for (const signal of signals) process.once(signal, interrupt);
  const { stdout, env } = process;
  const projectName = context.projectName ?? '';
  try {
    return await runBuild(
      options,
      {
        workspaceRoot: context.root,
        projectName,
        projectRoot: context.projectsConfigurations.projects[projectName]?.root ?? '.',
        env,
        homeDirectory: homedir(),
        hostPlatform: buildPlatform(),
        projects: context.projectsConfigurations.projects,
      },
      {
        write: (text) => void stdout.write(text),
        now: Date.now,
        isTerminal: stdout.isTTY,
        terminalSize: () => (stdout.isTTY ? { columns: stdout.columns, rows: stdout.rows } : defaultTerminalSize),
        isVerbose: context.isVerbose,
        signal: interruption.signal,
        createEngine: (plan) => engineFor(plan, env, interruption.signal),
      },
    );
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
  }
}

async function engineFor(plan: BuildPlan, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Engine> {
  const { builder, stageRefs, stateDirectory } = plan;
  const named = builder === undefined ? {} : { builder };
  const engine = await createEngine({ choice: plan.engine, env, stateDirectory, signal, ...named });
  if (stageRefs === undefined) return engine;
  return new StageRefEngine(engine, { ...stageRefs, env, homeDirectory: homedir(), stateDirectory, now: Date.now });
}

/** Images are Linux's wherever they are built, unless the Dockerfile's user asks for another platform. */
function buildPlatform(): ReturnType<typeof hostPlatform> {
  return { ...hostPlatform(process), os: 'linux' };
}
