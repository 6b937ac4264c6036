import { resolveInside, statInside } from './rooted-path';

/** Variables by which a dynamic loader or a C library lets itself be steered. */
const steersLoader = /^(?:LD_|GLIBC_TUNABLES=|GCONV_PATH=|LOCPATH=|MALLOC_|NLSPATH=)/;
const envPrograms = ['usr/bin/env', 'bin/env'];

export interface SplitEnvironment {
  /** For the host's last program before the command. */
  readonly outside: readonly string[];
  /** What goes in front of the command: the image's own `env` with the rest. */
  readonly prefix: readonly string[];
}

/**
 * Keeps an image's `LD_PRELOAD` and the like away from the host's programs that start the command: those variables are
 * set by the image's own `env`. An image without that program gets all the same way.
 */
export function splitLoaderVariables(root: string, env: readonly string[]): SplitEnvironment {
  const steering = env.filter((variable) => steersLoader.test(variable));
  if (steering.length === 0) return { outside: env, prefix: [] };
  const program = envPrograms.find((path) => statInside(root, resolveInside(root, path))?.isFile() === true);
  if (program === undefined) return { outside: env, prefix: [] };
  return { outside: env.filter((variable) => !steersLoader.test(variable)), prefix: [`/${program}`, ...steering] };
}
