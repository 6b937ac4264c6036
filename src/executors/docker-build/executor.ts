import { homedir } from 'node:os';
import type { ExecutorContext } from '@nx/devkit';
import { createEngine } from '../../engine/create-engine';
import { hostPlatform } from '../../oci/platform';
import type { DockerBuildOptions } from '../../workspace/docker-build-options';
import { runBuild } from './run-build';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const defaultTerminalSize = { columns: 80, rows: 24 };

/** The executor `nx-registry-cache:docker-build`: builds the project's image, with a cache in a registry. */
export default async function dockerBuild(
  options: DockerBuildOptions,
  context: ExecutorContext,
): Promise<{ readonly success: boolean }> {
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort(new Error('interrupted'));
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
      },
      {
        write: (text) => void stdout.write(text),
        now: Date.now,
        isTerminal: stdout.isTTY,
        terminalSize: () => (stdout.isTTY ? { columns: stdout.columns, rows: stdout.rows } : defaultTerminalSize),
        isVerbose: context.isVerbose,
        signal: interruption.signal,
        createEngine: ({ engine, builder, stateDirectory }) =>
          createEngine({
            choice: engine,
            env,
            stateDirectory,
            signal: interruption.signal,
            ...(builder !== undefined && { builder }),
          }),
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
