import { tmpdir } from 'node:os';
import type { ExecutorContext } from '@nx/devkit';
import type { DockerBuildOptions } from '../../workspace/docker-build-options';
import { withTaskHost } from '../executor-host';
import { engineFor } from './engine-for';
import { runBuild } from './run-build';

/** The executor `nx-registry-cache:docker-build`: builds the project's image, with a cache in a registry. */
export default function dockerBuild(
  options: DockerBuildOptions,
  context: ExecutorContext,
): Promise<{ readonly success: boolean }> {
  return withTaskHost(context, { temporaryDirectory: tmpdir() }, (invocation, host) =>
    runBuild(options, invocation, {
      ...host,
      createEngine: (plan) => engineFor(plan, { env: invocation.env, signal: host.signal }),
    }),
  );
}
