import { environmentLines } from './environment-lines';
import { requireTool, shellQuote } from './host-command';
import type { LaunchRequest } from './launch';
import { splitLoaderVariables } from './loader-variables';
import { capabilityNames } from './oci-config';

/**
 * The last lines of a shell script that becomes the step's command, behind the programs that give it limits,
 * capabilities, groups, root, directory and user, in the order in which each of them may still do what it does. `root`
 * is where the step's root lies for the script at that point.
 */
export function commandLines(
  request: LaunchRequest,
  { root, redirections = '' }: { readonly root: string; readonly redirections?: string },
): readonly string[] {
  const { tools, exec, user, cwd } = request;
  const { outside, prefix } = splitLoaderVariables(request.root, withHome(request.env, user.home));
  const environment = environmentLines(outside);
  const command = [
    ...[requireTool(tools, 'env'), ...environment.arguments],
    ...limits(request),
    ...privileges(request),
    ...[requireTool(tools, 'unshare'), ...userSwitch(request), `--root=${root}`, `--wd=/${cwd}`, '--'],
    ...prefix,
    ...exec.args,
  ];
  // The search path of the shell itself is of no use any more: all programs have absolute names.
  return ['unset PATH', ...environment.exports, `exec ${command.map(shellQuote).join(' ')}${redirections}`];
}

/** OCI runtimes set `HOME` where the image does not. */
function withHome(env: readonly string[], home: string): readonly string[] {
  return env.some((variable) => variable.startsWith('HOME=')) ? env : [...env, `HOME=${home}`];
}

function limits({ tools, exec }: LaunchRequest): readonly string[] {
  if (exec.ulimits === undefined || exec.ulimits.length === 0) return [];
  const value = (limit: number): string => (limit < 0 ? 'unlimited' : String(limit));
  return [
    requireTool(tools, 'prlimit'),
    ...exec.ulimits.map(({ name, soft, hard }) => `--${name.toLowerCase()}=${value(soft)}:${value(hard)}`),
    '--',
  ];
}

function privileges({ tools, identity, exec, user }: LaunchRequest): readonly string[] {
  if (tools.setpriv === undefined) return [];
  const groups = [user.gid, ...user.groups].join(',');
  const kept = capabilityNames(exec.security === 'insecure').map((name) => `+${name.toLowerCase()}`);
  return [
    tools.setpriv,
    // Where one id is mapped, the kernel refuses to set groups.
    ...(identity === 'single' ? [] : [`--regid=${user.gid}`, `--groups=${groups}`]),
    ...['--inh-caps=-all', `--bounding-set=${['-all', ...kept].join(',')}`, '--'],
  ];
}

/**
 * Where one id is mapped, another user is this same id under another number, in a user namespace of its own: it sees
 * all files as its own, and what it makes is recorded as its own.
 */
function userSwitch({ identity, tools, user }: LaunchRequest): readonly string[] {
  if (identity === 'single') {
    if (user.uid === 0 && user.gid === 0) return [];
    return ['--user', `--map-user=${user.uid}`, `--map-group=${user.gid}`];
  }
  const group = tools.setpriv === undefined ? [`--setgid=${user.gid}`] : [];
  return [...group, ...(user.uid === 0 ? [] : [`--setuid=${user.uid}`])];
}
