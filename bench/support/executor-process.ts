// A process of its own for builds with the executor, without Nx around it; argument: an ExecutorJob.
import dockerBuild from '../../src/executors/docker-build/executor';
import type { ExecutorJob } from './run-executor';

async function main({ root, builds }: ExecutorJob): Promise<void> {
  for (const { project, projectRoot, options } of builds) {
    const { success } = await dockerBuild(options, {
      root,
      cwd: root,
      isVerbose: false,
      projectName: project,
      targetName: 'docker-build',
      projectsConfigurations: { version: 2, projects: { [project]: { root: projectRoot } } },
      nxJsonConfiguration: {},
      projectGraph: { nodes: {}, dependencies: {} },
    });
    if (!success) process.exitCode = 1;
  }
}

void main(JSON.parse(process.argv[2] ?? '') as ExecutorJob);
