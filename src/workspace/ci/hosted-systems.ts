import type { CiSystem } from './contract';
import { compact, isTrue, shortRef, valueOf } from './variables';

export const bitbucket: CiSystem = {
  name: 'bitbucket',
  isPresent: (env) => valueOf(env, 'BITBUCKET_BUILD_NUMBER') !== undefined,
  read: (env) => {
    const id = valueOf(env, 'BITBUCKET_PR_ID');
    const baseBranch = valueOf(env, 'BITBUCKET_PR_DESTINATION_BRANCH');
    return compact({
      branch: valueOf(env, 'BITBUCKET_BRANCH'),
      tag: valueOf(env, 'BITBUCKET_TAG'),
      pullRequest: id === undefined ? undefined : compact({ id, baseBranch }),
    });
  },
};

/** A pull request's number is set for forks only; of others, the branch's newest is known by its address. */
export const circleci: CiSystem = {
  name: 'circleci',
  isPresent: (env) => isTrue(env['CIRCLECI']),
  read: (env) => {
    const fork = valueOf(env, 'CIRCLE_PR_NUMBER');
    const id = fork ?? /(\d+)\/?$/.exec(env['CIRCLE_PULL_REQUEST'] ?? '')?.[1];
    return compact({
      branch: valueOf(env, 'CIRCLE_BRANCH'),
      tag: valueOf(env, 'CIRCLE_TAG'),
      pullRequest: id === undefined ? undefined : { id, isFork: fork !== undefined },
    });
  },
};

export const buildkite: CiSystem = {
  name: 'buildkite',
  isPresent: (env) => isTrue(env['BUILDKITE']),
  read: (env) => {
    const id = valueOf(env, 'BUILDKITE_PULL_REQUEST');
    const tag = valueOf(env, 'BUILDKITE_TAG');
    const source = valueOf(env, 'BUILDKITE_PULL_REQUEST_REPO');
    const target = valueOf(env, 'BUILDKITE_REPO');
    const hasPullRequest = id !== undefined && id !== 'false';
    return compact({
      branch: tag === undefined ? valueOf(env, 'BUILDKITE_BRANCH') : undefined,
      tag,
      defaultBranch: valueOf(env, 'BUILDKITE_PIPELINE_DEFAULT_BRANCH'),
      pullRequest: hasPullRequest
        ? compact({
            id,
            baseBranch: valueOf(env, 'BUILDKITE_PULL_REQUEST_BASE_BRANCH'),
            isFork: source === undefined || target === undefined ? undefined : !isSameRepository(source, target),
          })
        : undefined,
    });
  },
};

/** Multibranch pipelines; a pipeline of one branch tells only what git checked out. */
export const jenkins: CiSystem = {
  name: 'jenkins',
  isPresent: (env) => valueOf(env, 'JENKINS_URL') !== undefined,
  read: (env) => {
    const id = valueOf(env, 'CHANGE_ID');
    if (id !== undefined) {
      const fork = valueOf(env, 'CHANGE_FORK');
      return compact({
        branch: valueOf(env, 'CHANGE_BRANCH'),
        pullRequest: compact({ id, baseBranch: valueOf(env, 'CHANGE_TARGET'), isFork: fork !== undefined }),
      });
    }
    const tag = valueOf(env, 'TAG_NAME');
    const branch = valueOf(env, 'BRANCH_NAME') ?? shortRef(valueOf(env, 'GIT_BRANCH'))?.replace(/^origin\//, '');
    return compact({
      branch: tag === undefined ? branch : undefined,
      tag,
      defaultBranch: isTrue(env['BRANCH_IS_PRIMARY']) ? branch : undefined,
    });
  },
};

/** `git@host:owner/name.git` and `https://host/owner/name` are the same; a pull request's may be in either form. */
function isSameRepository(left: string, right: string): boolean {
  return repositoryPath(left) === repositoryPath(right);
}

function repositoryPath(url: string): string {
  return url
    .replace(/^[a-z+]+:\/\//i, '')
    .replace(/^[^@/]*@/, '')
    .replace(':', '/')
    .replace(/\.git\/?$|\/$/, '')
    .toLowerCase();
}
