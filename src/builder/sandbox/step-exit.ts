import { constants as osConstants } from 'node:os';
import { CodedError } from '../../diagnostics/coded-error';
import type { SandboxRun } from '../contract';
import type { RunExit } from './agent/protocol';

const SIGNAL_EXIT_BASE = 128;

/** Throws `STEP_FAILED` unless the command ended as it had to. */
export function failOnExit({ exec }: Pick<SandboxRun, 'exec'>, { exitCode, reason }: RunExit): void {
  const valid = exec.validExitCodes ?? [0];
  const hasRun = reason === 'exit-code' || reason === 'signal';
  if (hasRun && valid.includes(exitCode)) return;
  const { what, hint } = explain(exec.args[0] ?? '', exitCode, reason);
  throw new CodedError(
    'STEP_FAILED',
    `the command "${exec.args.join(' ')}" ${what}`,
    { command: exec.args, reason, exitCode },
    hint === undefined ? {} : { hint },
  );
}

function explain(
  program: string,
  exitCode: number,
  reason: RunExit['reason'],
): { readonly what: string; readonly hint?: string } {
  switch (reason) {
    case 'exit-code':
      return { what: `ended with exit code ${exitCode}` };
    case 'signal': {
      const number = exitCode - SIGNAL_EXIT_BASE;
      const name = Object.entries(osConstants.signals).find(([, value]) => value === number)?.[0] ?? `signal ${number}`;
      const what = `ended with exit code ${exitCode}: it was killed by ${name}`;
      return name === 'SIGKILL' ? { what, hint: 'most often the machine ran out of memory' } : { what };
    }
    case 'not-found': {
      const what = `could not start: "${program}" does not exist in the image`;
      if (!program.endsWith('/sh')) return { what };
      return { what, hint: 'the image has no shell: use the exec form, RUN ["program", "argument"]' };
    }
    case 'not-executable':
      return { what: `could not start: "${program}" is not executable`, hint: 'add it with COPY --chmod=755' };
  }
}
