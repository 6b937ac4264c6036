import { readFileSync, statSync } from 'node:fs';
import type { ChangeContext, Environment } from './contract';
import { findCiSystem } from './ci-systems';

/** GitHub's events have some ten kilobytes; what is larger is not read. */
const maxEventBytes = 4 * 1024 * 1024;

export interface ChangeContextOptions {
  readonly env: Environment;
  /** Asked where the CI system does not say, and outside of CI. */
  readonly git: { readonly branch?: string; readonly defaultBranch?: string };
  /** Nx's `defaultBase`, for where neither CI system nor git know the default branch. */
  readonly defaultBase?: string;
}

/**
 * What is being built. A pull request never passes for its base branch: where a system says that it builds one, the
 * result has `pullRequest`, whatever else it says.
 */
export function readChangeContext({ env, git, defaultBase }: ChangeContextOptions): ChangeContext {
  const system = findCiSystem(env);
  const found = system?.read(env, readEvent) ?? {};
  const branch = found.branch ?? (found.tag === undefined ? git.branch : undefined);
  const defaultBranch = found.defaultBranch ?? git.defaultBranch ?? defaultBase?.replace(/^origin\//, '');
  return {
    ...found,
    system: system?.name ?? 'git',
    ...(branch === undefined ? {} : { branch }),
    ...(defaultBranch === undefined ? {} : { defaultBranch }),
  };
}

/** Undefined if it is missing, too large or no JSON: then it tells nothing. */
function readEvent(path: string): unknown {
  try {
    return statSync(path).size > maxEventBytes ? undefined : JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
