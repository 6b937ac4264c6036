import { execFileSync } from 'node:child_process';
import { branchSlug } from './branch-slug';

const gitTimeoutMs = 5_000;

/** Variables by which CI systems name the branch, where they check out a detached commit. The first that is set wins. */
const branchVariables = [
  'GITHUB_HEAD_REF',
  'GITHUB_REF_NAME',
  'CI_MERGE_REQUEST_SOURCE_BRANCH_NAME',
  'CI_COMMIT_REF_NAME',
  'BITBUCKET_BRANCH',
  'CIRCLE_BRANCH',
  'BUILDKITE_BRANCH',
  'CHANGE_BRANCH',
  'BRANCH_NAME',
] as const;

export interface GitState {
  /** The full commit hash. */
  readonly sha?: string;
  /** Fit for a tag; see {@link branchSlug}. */
  readonly branch?: string;
}

/** Commit and branch of the workspace, as far as git and CI variables tell them. */
export function readGitState(workspaceRoot: string, env: Readonly<Record<string, string | undefined>>): GitState {
  const sha = git(workspaceRoot, ['rev-parse', '--verify', '--quiet', 'HEAD']);
  const variable = branchVariables.find((name) => (env[name] ?? '') !== '');
  const branch =
    git(workspaceRoot, ['symbolic-ref', '--quiet', '--short', 'HEAD']) ??
    (variable === undefined ? undefined : env[variable]);
  return {
    ...(sha === undefined ? {} : { sha }),
    ...(branch === undefined ? {} : { branch: branchSlug(branch) }),
  };
}

export interface GitBranches {
  /** As it is named; undefined for a detached head. */
  readonly branch?: string;
  /** What the remote `origin` calls its head, where the clone knows it. */
  readonly defaultBranch?: string;
}

/** Branches as git alone knows them. */
export function readGitBranches(workspaceRoot: string): GitBranches {
  const branch = git(workspaceRoot, ['symbolic-ref', '--quiet', '--short', 'HEAD']);
  const remoteHead = git(workspaceRoot, ['symbolic-ref', '--quiet', 'refs/remotes/origin/HEAD']);
  const defaultBranch = /^refs\/remotes\/origin\/(.+)$/.exec(remoteHead ?? '')?.[1];
  return { ...(branch !== undefined && { branch }), ...(defaultBranch !== undefined && { defaultBranch }) };
}

function git(cwd: string, args: readonly string[]): string | undefined {
  try {
    const output = execFileSync('git', args, { cwd, timeout: gitTimeoutMs, stdio: ['ignore', 'pipe', 'ignore'] });
    return output.toString('utf8').trim() || undefined;
  } catch {
    // No git, no repository, no commit or a detached head: all mean that there is nothing to tell.
    return undefined;
  }
}
