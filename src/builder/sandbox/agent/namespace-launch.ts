import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool, shellQuote } from './host-command';
import type { Launch, LaunchRequest } from './launch';
import { namespaceSetup, stepRoot } from './namespace-setup';
import { commandLines } from './root-command';

/** Longest complaint of the set-up that goes into a message. */
const MAX_LOG_CHARS = 2000;

/**
 * Runs the command by util-linux: `unshare` makes the namespaces, a shell script mounts, `setpriv` and `unshare` again
 * drop privileges and enter the root in the last step, so that no program of the image takes part.
 */
export function launchInNamespaces(request: LaunchRequest): Launch {
  const { tools, exec, directory } = request;
  const log = join(directory, 'setup.log');
  const started = join(directory, 'started');
  const script = join(directory, 'script');
  const lines = [
    `exec 3>&1 4>&2 >${shellQuote(log)} 2>&1`,
    'set -e',
    // Where the script ends up, these files have no names any more.
    `exec 5>${shellQuote(started)}`,
    ...namespaceSetup(request),
    'echo >&5',
    ...commandLines(request, { root: stepRoot, redirections: ' >&3 2>&4 3>&- 4>&- 5>&-' }),
  ];
  // Arguments could be read by every user of the machine; this directory cannot.
  writeFileSync(script, lines.join('\n'), { mode: 0o600 });
  return {
    program: requireTool(tools, 'unshare'),
    args: [
      ...['--mount', '--pid', '--ipc', '--uts', '--fork', '--kill-child'],
      ...(exec.network === 'none' ? ['--net'] : []),
      ...['--', requireTool(tools, 'sh'), script],
    ],
    failure: () => {
      if (existsSync(started) && statSync(started).size > 0) return undefined;
      const text = existsSync(log) ? readFileSync(log, 'utf8').trim() : '';
      return text.slice(-MAX_LOG_CHARS) || 'the namespaces could not be set up';
    },
    kill: (child, signal) => {
      for (const init of childrenOf(child)) signalProcess(init, signal);
      if (signal === 'SIGKILL') signalProcess(child, signal);
    },
    cleanUp: () => undefined,
  };
}

/** Processes that a process has forked and not yet lost, by the kernel's list. */
function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
