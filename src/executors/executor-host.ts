import { homedir } from 'node:os';
import type { ExecutorContext } from '@nx/devkit';
import { stoppable } from '../content/stoppable';
import { hostPlatform } from '../oci/platform';
import type { TerminalSize } from '../progress/terminal-view';
import type { Invocation } from '../workspace/invocation';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const defaultTerminalSize = { columns: 80, rows: 24 };

/** What the process around a task gives: everything that a test replaces. */
export interface TaskHost {
  readonly write: (text: string) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly isTerminal: boolean;
  readonly terminalSize: () => TerminalSize;
  readonly isVerbose: boolean;
  /** Aborted when the user or the system wants the task to end. */
  readonly signal: AbortSignal;
  /** Directory for what is needed only while the task runs. */
  readonly temporaryDirectory: string;
}

/** Runs a task in this process, with the signals that end it. */
export async function withTaskHost<T>(
  context: ExecutorContext,
  options: { readonly temporaryDirectory: string },
  task: (invocation: Invocation, host: TaskHost) => Promise<T>,
): Promise<T> {
  const interruption = stoppable();
  const interrupt = (): void => interruption.stop(new Error('interrupted'));
  for (const signal of signals) process.once(signal, interrupt);
  const { stdout, env } = process;
  const { defaultBase } = context.nxJsonConfiguration;
  const { projects } = context.projectsConfigurations;
  const projectName = context.projectName ?? '';
  try {
    return await task(
      {
        workspaceRoot: context.root,
        projectName,
        ...(context.targetName !== undefined && { targetName: context.targetName }),
        projectRoot: projects[projectName]?.root ?? '.',
        env,
        homeDirectory: homedir(),
        // Images are Linux's wherever they are built, unless the user asks for another platform.
        hostPlatform: { ...hostPlatform(process), os: 'linux' },
        ...(defaultBase !== undefined && { defaultBase }),
        projects,
      },
      {
        write: (text) => void stdout.write(text),
        now: Date.now,
        isTerminal: stdout.isTTY,
        terminalSize: () => (stdout.isTTY ? { columns: stdout.columns, rows: stdout.rows } : defaultTerminalSize),
        isVerbose: context.isVerbose,
        signal: interruption.signal,
        temporaryDirectory: options.temporaryDirectory,
      },
    );
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
  }
}
