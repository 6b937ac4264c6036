import type { BuildRequest } from '../contract';

/** What a build needs at least; the rest is as a user who says nothing has it. */
export type LeastRequest = Pick<BuildRequest, 'context' | 'dockerfile'> & Partial<BuildRequest>;

/** A request with everything that was not said at its default, without platforms, tags and outputs. */
export function requestOf(build: LeastRequest): BuildRequest {
  return {
    buildArgs: {},
    buildContexts: {},
    platforms: [],
    tags: [],
    labels: {},
    annotations: {},
    cacheFrom: [],
    cacheTo: [],
    outputs: [],
    secrets: [],
    ssh: [],
    network: 'default',
    extraHosts: [],
    ulimits: [],
    noCache: false,
    pull: false,
    insecureRegistries: [],
    ...build,
  };
}
