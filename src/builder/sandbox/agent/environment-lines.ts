import { shellQuote } from './host-command';

/** What the shell of the set-up has in its environment by itself or by us. */
const leftovers = ['LC_ALL', 'LIBMOUNT_FORCE_MOUNT2', 'OLDPWD', 'PWD', 'SHLVL', '_'];
/** Names that mean something to a shell, or that one of the common shells does not let itself be given. */
const special = new Set([
  ...leftovers,
  ...['BASHOPTS', 'BASH_ENV', 'ENV', 'EUID', 'GROUPS', 'IFS', 'OPTIND', 'PPID', 'PS1', 'PS4', 'SHELLOPTS', 'UID'],
]);
const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/;

export interface EnvironmentLines {
  /** Lines of a shell script. */
  readonly exports: readonly string[];
  /** Arguments for `env`, in front of the command. */
  readonly arguments: readonly string[];
}

/**
 * A shell script's way to give exactly `env` to the program that it becomes. Values go by `export`, since arguments can
 * be read by every user of the machine and a step's variables may be secrets; only names that a shell cannot take go
 * through `env`, where they are seen for the moment until it has become the next program.
 */
export function environmentLines(env: readonly string[]): EnvironmentLines {
  const exports: string[] = [];
  const oddities: string[] = [];
  for (const variable of env) {
    const name = variable.slice(0, variable.indexOf('='));
    if (identifier.test(name) && !special.has(name)) {
      exports.push(`export ${name}=${shellQuote(variable.slice(name.length + 1))}`);
    } else {
      oddities.push(variable);
    }
  }
  return { exports, arguments: [...leftovers.flatMap((name) => ['-u', name]), ...oddities] };
}
