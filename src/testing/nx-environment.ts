import { join } from 'node:path';

/** Variables of a process in which Nx runs as in a CI job: no daemon, no cloud, no questions, and a cache of its own. */
export function nxEnvironment(cache: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    CI: 'true',
    NX_DAEMON: 'false',
    NX_ISOLATE_PLUGINS: 'false',
    NX_NO_CLOUD: 'true',
    NX_TUI: 'false',
    NX_CACHE_DIRECTORY: cache,
    NX_WORKSPACE_DATA_DIRECTORY: join(cache, 'data'),
  };
}
