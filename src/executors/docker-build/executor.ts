import { homedir } from 'node:os';
import type { ExecutorContext } from '@nx/devkit';
import { stoppable } from '../../content/stoppable';
import { hostPlatform } from '../../oci/platform';
import type { DockerBuildOptions } from '../../workspace/docker-build-options';
import { engineFor } from './engine-for';
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
  const { defaultBase } = context.nxJsonConfiguration;
  const projectName = context.projectName ?? '';
  try {
    return await runBuild(
      options,
      {
        workspaceRoot: context.root,
        projectName,
        ...(context.targetName !== undefined && { targetName: context.targetName }),
        projectRoot: context.projectsConfigurations.projects[projectName]?.root ?? '.',
        env,
        homeDirectory: homedir(),
        hostPlatform: buildPlatform(),
        ...(defaultBase !== undefined && { defaultBase }),
        projects: context.projectsConfigurations.projects,
      },
      {
        write: (text) => void stdout.write(text),
        now: Date.now,
        isTerminal: stdout.isTTY,
        terminalSize: () => (stdout.isTTY ? { columns: stdout.columns, rows: stdout.rows } : defaultTerminalSize),
        isVerbose: context.isVerbose,
        signal: interruption.signal,
        createEngine: (plan) => engineFor(plan, { env, signal: interruption.signal }),
      },
    );
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
  }
}

/** Images are Linux's wherever they are built, unless the Dockerfile's user asks for another platform. */
function buildPlatform(): ReturnType<typeof hostPlatform> {
  return { ...hostPlatform(process), os: 'linux' };
}
