import type { ChangeContext, CiSystem, Environment } from './contract';
import { bitbucket, buildkite, circleci, jenkins } from './hosted-systems';
import { compact, isTrue, shortRef, valueOf } from './variables';

/** GitHub Actions; the default branch and forks stand only in the event's document (GitHub docs, "Variables"). */
const github: CiSystem = {
  name: 'github',
  isPresent: (env) => isTrue(env['GITHUB_ACTIONS']),
  read: (env, readEvent) => {
    const path = valueOf(env, 'GITHUB_EVENT_PATH');
    const event = path === undefined ? undefined : readEvent(path);
    const defaultBranch = textAt(event, 'repository', 'default_branch');
    const isProtected = env['GITHUB_REF_PROTECTED'] === undefined ? undefined : isTrue(env['GITHUB_REF_PROTECTED']);
    const ref = valueOf(env, 'GITHUB_REF') ?? '';
    // `pull_request_target` runs the base branch's workflow, but what it builds may be the pull request's.
    if ((env['GITHUB_EVENT_NAME'] ?? '').startsWith('pull_request') || ref.startsWith('refs/pull/')) {
      const number = at(event, 'number');
      const id = /^refs\/pull\/([^/]+)\//.exec(ref)?.[1] ?? (typeof number === 'number' ? String(number) : 'unknown');
      const source = textAt(event, 'pull_request', 'head', 'repo', 'full_name');
      const target = textAt(event, 'repository', 'full_name');
      return compact({
        branch: valueOf(env, 'GITHUB_HEAD_REF'),
        defaultBranch,
        pullRequest: compact({
          id,
          baseBranch: valueOf(env, 'GITHUB_BASE_REF'),
          isFork: target === undefined ? undefined : source !== target,
        }),
      });
    }
    return compact({ ...branchOrTag(ref), defaultBranch, isProtected });
  },
};

const gitlab: CiSystem = {
  name: 'gitlab',
  isPresent: (env) => isTrue(env['GITLAB_CI']),
  read: (env) => {
    const defaultBranch = valueOf(env, 'CI_DEFAULT_BRANCH');
    const id = valueOf(env, 'CI_MERGE_REQUEST_IID');
    if (id !== undefined) {
      const source = valueOf(env, 'CI_MERGE_REQUEST_SOURCE_PROJECT_ID');
      const target = valueOf(env, 'CI_MERGE_REQUEST_PROJECT_ID');
      return compact({
        branch: valueOf(env, 'CI_MERGE_REQUEST_SOURCE_BRANCH_NAME'),
        defaultBranch,
        pullRequest: compact({
          id,
          baseBranch: valueOf(env, 'CI_MERGE_REQUEST_TARGET_BRANCH_NAME'),
          isFork: source === undefined || target === undefined ? undefined : source !== target,
        }),
      });
    }
    const tag = valueOf(env, 'CI_COMMIT_TAG');
    const branch = tag === undefined ? valueOf(env, 'CI_COMMIT_BRANCH', 'CI_COMMIT_REF_NAME') : undefined;
    const isProtected = env['CI_COMMIT_REF_PROTECTED'];
    return compact({
      branch,
      tag,
      defaultBranch,
      isProtected: isProtected === undefined ? undefined : isTrue(isProtected),
    });
  },
};

const azure: CiSystem = {
  name: 'azure',
  isPresent: (env) => isTrue(env['TF_BUILD']),
  read: (env) => {
    const ref = valueOf(env, 'BUILD_SOURCEBRANCH') ?? '';
    const id = valueOf(env, 'SYSTEM_PULLREQUEST_PULLREQUESTNUMBER', 'SYSTEM_PULLREQUEST_PULLREQUESTID');
    if (id === undefined && !ref.startsWith('refs/pull/')) return compact(branchOrTag(ref));
    const isFork = env['SYSTEM_PULLREQUEST_ISFORK'];
    return compact({
      branch: shortRef(valueOf(env, 'SYSTEM_PULLREQUEST_SOURCEBRANCH')),
      pullRequest: compact({
        id: id ?? 'unknown',
        baseBranch: shortRef(valueOf(env, 'SYSTEM_PULLREQUEST_TARGETBRANCH')),
        isFork: isFork === undefined ? undefined : isTrue(isFork),
      }),
    });
  },
};

/** Every CI system that is known, the ones that others imitate last. */
export const ciSystems: readonly CiSystem[] = [github, gitlab, bitbucket, azure, circleci, buildkite, jenkins];

/** The system that runs this process, by the variables it sets. */
export function findCiSystem(env: Environment): CiSystem | undefined {
  return ciSystems.find((system) => system.isPresent(env));
}

function branchOrTag(ref: string): Partial<Pick<ChangeContext, 'branch' | 'tag'>> {
  if (ref === '') return {};
  return ref.startsWith('refs/tags/') ? { tag: ref.slice('refs/tags/'.length) } : { branch: shortRef(ref) ?? ref };
}

function at(value: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>(
    (found, key) =>
      typeof found === 'object' && found !== null ? (found as Readonly<Record<string, unknown>>)[key] : undefined,
    value,
  );
}

function textAt(value: unknown, ...keys: readonly string[]): string | undefined {
  const found = at(value, ...keys);
  return typeof found === 'string' && found !== '' ? found : undefined;
}
