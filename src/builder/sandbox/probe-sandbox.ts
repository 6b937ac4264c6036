import { isCodedError } from '../../diagnostics/coded-error';
import type { Trial } from './agent/protocol';
import { describeIdentity, openAgent } from './open-agent';
import { RunNames } from './run-names';
import { readHostFacts, sandboxHints } from './sandbox-hints';
import './errors';

/** What this machine can do for RUN steps. */
export interface SandboxProbe {
  /** How steps would run; undefined where they cannot. */
  readonly works: string | undefined;
  /** What was tried, best way first, with the reason where it did not work. */
  readonly trials: readonly Trial[];
  /** What would make it work, or work better; empty where nothing is left to wish for. */
  readonly hints: readonly string[];
}

export interface ProbeSandboxOptions {
  /** Absolute directory of the sandbox's state; what overlays can do depends on the disk it lies on. */
  readonly stateDirectory: string;
  /** `PATH` to find the host's programs on. */
  readonly searchPath: string;
}

/** Really tries what works here, and leaves nothing behind. Never rejects because something does not work. */
export async function probeSandbox(options: ProbeSandboxOptions): Promise<SandboxProbe> {
  const host = readHostFacts();
  try {
    const opened = await openAgent({ ...options, host, names: new RunNames(process.pid) });
    await opened.agent.close();
    const works = `${opened.runtime} in ${describeIdentity(opened.identity)}`;
    return { works, trials: opened.trials, hints: opened.identity === 'plain' ? sandboxHints(host) : [] };
  } catch (error) {
    if (!isCodedError(error, 'SANDBOX_UNAVAILABLE')) throw error;
    const trials = error.detail.tried.map(({ what, why }) => ({ what, reason: why }));
    return { works: undefined, trials, hints: sandboxHints(host) };
  }
}

/** The probe as lines for a message: what works, what was tried before that and why not, what to do. */
export function describeSandboxProbe(probe: SandboxProbe): readonly string[] {
  const { works, trials, hints } = probe;
  return [
    works === undefined ? 'RUN steps cannot run on this machine.' : `RUN steps run by ${works}.`,
    ...trials.map(({ what, reason }) => (reason === undefined ? `  ${what}: works` : `  ${what}: ${reason}`)),
    ...hints.map((hint) => `  hint: ${hint}`),
  ];
}
