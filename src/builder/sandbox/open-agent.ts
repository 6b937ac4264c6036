import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../../diagnostics/coded-error';
import { AgentClient } from './agent-client';
import { runtimeNames, type AgentIdentity, type AgentProbe, type RuntimeName, type Trial } from './agent/protocol';
import { isAbandoned, type RunNames } from './run-names';
import { sandboxHints, type HostFacts } from './sandbox-hints';
import { findTools, type ToolPaths } from './tools';

export interface OpenAgentOptions {
  /** Absolute directory of the sandbox's state. */
  readonly stateDirectory: string;
  /** `PATH` of the builder. */
  readonly searchPath: string;
  readonly names: RunNames;
  readonly host: HostFacts;
  /** Only this one; default: the first of {@link runtimeNames} that works. */
  readonly prefer?: RuntimeName;
  /** Whether an ordinary user's subordinate ids are used where there are some; default true. */
  readonly subordinateIds?: boolean;
}

export interface OpenedAgent {
  readonly agent: AgentClient;
  readonly identity: AgentIdentity;
  readonly runtime: RuntimeName;
  readonly probe: AgentProbe;
  /** Everything that was tried, in order. */
  readonly trials: readonly Trial[];
}

/**
 * Starts an agent with as many rights as this machine gives, and finds what runs a command in it. Rejects with
 * `SANDBOX_UNAVAILABLE`, naming everything that was tried.
 */
export async function openAgent(options: OpenAgentOptions): Promise<OpenedAgent> {
  const trials: Trial[] = [];
  for (const identity of identitiesOf(options, trials)) {
    const opened = await tryIdentity(identity, options, trials);
    if (opened) return opened;
  }
  const tried = trials.flatMap(({ what, reason }) => (reason === undefined ? [] : [{ what, why: reason }]));
  const list = tried.map(({ what, why }) => `${what}: ${why}`).join('; ');
  const hint =
    options.prefer === undefined ? sandboxHints(options.host).join('; or ') : 'let another runtime be chosen';
  throw new CodedError('SANDBOX_UNAVAILABLE', `RUN steps cannot run on this machine (${list})`, { tried }, { hint });
}

function identitiesOf({ host, prefer, subordinateIds }: OpenAgentOptions, trials: Trial[]): readonly AgentIdentity[] {
  if (host.platform !== 'linux') {
    trials.push({ what: 'this operating system', reason: `${host.platform} has no Linux namespaces` });
    return [];
  }
  if (host.uid === 0) {
    if (prefer === 'chroot') return ['plain'];
    return prefer === undefined ? ['root', 'plain'] : ['root'];
  }
  if (prefer === 'chroot') trials.push({ what: 'chroot', reason: 'it needs root' });
  return prefer === 'chroot' ? [] : subordinateIds === false ? ['single'] : ['ranges', 'single'];
}

async function tryIdentity(
  identity: AgentIdentity,
  options: OpenAgentOptions,
  trials: Trial[],
): Promise<OpenedAgent | undefined> {
  const tools = findTools(options.searchPath);
  const what = describeIdentity(identity);
  if (tools.unshare === undefined) {
    trials.push({ what, reason: 'the program "unshare" of util-linux is not installed' });
    return undefined;
  }
  if (identity === 'ranges' && (tools.newuidmap === undefined || tools.newgidmap === undefined)) {
    trials.push({ what, reason: 'newuidmap and newgidmap are not installed' });
    return undefined;
  }
  let agent: AgentClient | undefined;
  try {
    const started = await startAgent(identity, tools);
    ({ agent } = started);
    const workspace = join(options.stateDirectory, identity);
    await agent.request('configure', { workspace, tools, identity, ownProc: started.ownProc });
    await removeAbandonedRuns(agent, workspace);
    const runtimes = options.prefer === undefined ? runtimeNames : [options.prefer];
    const probe = await agent.request('probe', { run: options.names.next(), runtimes });
    trials.push({ what }, ...probe.trials);
    const [runtime] = probe.runtimes;
    if (runtime !== undefined) return { agent, identity, runtime, probe, trials };
  } catch (error) {
    trials.push({ what, reason: error instanceof Error ? error.message : String(error) });
  }
  await agent?.close();
  return undefined;
}

/** A container whose `/proc` is partly covered may not mount a fresh one; commands then see the outer one. */
async function startAgent(
  identity: AgentIdentity,
  tools: ToolPaths,
): Promise<{ readonly agent: AgentClient; readonly ownProc: boolean }> {
  if (identity === 'plain')
    return { agent: await AgentClient.start({ identity, tools, ownProc: false }), ownProc: false };
  try {
    return { agent: await AgentClient.start({ identity, tools, ownProc: true }), ownProc: true };
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('/proc')) throw error;
    return { agent: await AgentClient.start({ identity, tools, ownProc: false }), ownProc: false };
  }
}

/** What builds left that were killed. */
async function removeAbandonedRuns(agent: AgentClient, workspace: string): Promise<void> {
  const directory = join(workspace, 'runs');
  const runs = await readdir(directory).catch(() => []);
  const abandoned = runs.filter((name) => isAbandoned(name, join(directory, name), Date.now()));
  if (abandoned.length > 0) await agent.request('removeRuns', { runs: abandoned });
}

/** How an identity is called in messages. */
export function describeIdentity(identity: AgentIdentity): string {
  switch (identity) {
    case 'root':
      return 'namespaces as root';
    case 'ranges':
      return 'a user namespace with subordinate ids';
    case 'single':
      return 'a user namespace with one id';
    case 'plain':
      return 'root without namespaces';
  }
}
