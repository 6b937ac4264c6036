import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { hostEnvironment } from './agent/host-command';
import type { AgentIdentity } from './agent/protocol';
import type { ToolPaths } from './tools';

export interface AgentProcessOptions {
  readonly identity: AgentIdentity;
  readonly tools: ToolPaths;
  /** Whether it gets a `/proc` of its own; a container whose `/proc` is partly covered may not mount one. */
  readonly ownProc: boolean;
}

/** Starts the agent's process inside its namespaces. */
export function spawnAgent(options: AgentProcessOptions): ChildProcess {
  const [program, ...args] = agentCommand(options);
  return spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    serialization: 'advanced',
    env: hostEnvironment,
    // A terminal's Ctrl-C goes to the builder, which takes the agent along in order.
    detached: true,
  });
}

/**
 * With `--pdeathsig` the builder's end ends `unshare`, with `--kill-child` that ends the agent, and as first process of
 * its namespace the agent takes all others along, and its mounts with them. Without namespaces nothing would: there the
 * agent has to outlive the builder for the moment that it takes to end what still runs.
 */
function agentCommand({ identity, tools, ownProc }: AgentProcessOptions): readonly [string, ...string[]] {
  const agent = [process.execPath, join(__dirname, 'agent', 'main.js')] as const;
  const tied = tools.setpriv === undefined || identity === 'plain' ? [] : [tools.setpriv, '--pdeathsig', 'KILL', '--'];
  const users = {
    plain: undefined,
    root: [],
    ranges: ['--user', '--map-root-user', '--map-auto'],
    single: ['--user', '--map-root-user'],
  }[identity];
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private'];
  const entered = users && [
    tools.unshare ?? 'unshare',
    ...users,
    ...namespaces,
    ...(ownProc ? ['--mount-proc'] : []),
    '--',
  ];
  const [program, ...args]: readonly (string | undefined)[] = [...tied, ...(entered ?? []), ...agent];
  return [program ?? process.execPath, ...args.filter((word) => word !== undefined)];
}
