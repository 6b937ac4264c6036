import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { TemporaryDirectory } from '../../testing/temporary-directory';
import { readChangeContext } from './change-context';
import type { ChangeContext, Environment } from './contract';

const cases: readonly (readonly [name: string, env: Environment, expected: ChangeContext])[] = [
  [
    'a push on GitHub',
    { GITHUB_ACTIONS: 'true', GITHUB_REF: 'refs/heads/feature/x', GITHUB_REF_PROTECTED: 'false' },
    { system: 'github', branch: 'feature/x', isProtected: false },
  ],
  [
    'a tag on GitHub',
    { GITHUB_ACTIONS: 'true', GITHUB_REF: 'refs/tags/v1', GITHUB_REF_PROTECTED: 'true' },
    { system: 'github', tag: 'v1', isProtected: true },
  ],
  [
    'a pull request on GitHub whose event cannot be read',
    {
      GITHUB_ACTIONS: 'true',
      GITHUB_EVENT_NAME: 'pull_request',
      GITHUB_EVENT_PATH: '/nonexistent',
      GITHUB_REF: 'refs/pull/7/merge',
      GITHUB_HEAD_REF: 'main',
      GITHUB_BASE_REF: 'main',
    },
    { system: 'github', branch: 'main', pullRequest: { id: '7', baseBranch: 'main' } },
  ],
  [
    'a branch on GitLab',
    { GITLAB_CI: 'true', CI_COMMIT_BRANCH: 'main', CI_DEFAULT_BRANCH: 'main', CI_COMMIT_REF_PROTECTED: 'true' },
    { system: 'gitlab', branch: 'main', defaultBranch: 'main', isProtected: true },
  ],
  [
    'a merge request of a fork on GitLab',
    {
      GITLAB_CI: 'true',
      CI_DEFAULT_BRANCH: 'main',
      CI_MERGE_REQUEST_IID: '3',
      CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: 'fix',
      CI_MERGE_REQUEST_TARGET_BRANCH_NAME: 'release',
      CI_MERGE_REQUEST_SOURCE_PROJECT_ID: '2',
      CI_MERGE_REQUEST_PROJECT_ID: '1',
    },
    {
      system: 'gitlab',
      branch: 'fix',
      defaultBranch: 'main',
      pullRequest: { id: '3', baseBranch: 'release', isFork: true },
    },
  ],
  [
    'a pull request on Bitbucket',
    {
      BITBUCKET_BUILD_NUMBER: '1',
      BITBUCKET_BRANCH: 'fix',
      BITBUCKET_PR_ID: '9',
      BITBUCKET_PR_DESTINATION_BRANCH: 'main',
    },
    { system: 'bitbucket', branch: 'fix', pullRequest: { id: '9', baseBranch: 'main' } },
  ],
  [
    'a pull request on Azure',
    {
      TF_BUILD: 'True',
      BUILD_SOURCEBRANCH: 'refs/pull/5/merge',
      SYSTEM_PULLREQUEST_PULLREQUESTID: '5',
      SYSTEM_PULLREQUEST_SOURCEBRANCH: 'refs/heads/fix',
      SYSTEM_PULLREQUEST_TARGETBRANCH: 'refs/heads/main',
      SYSTEM_PULLREQUEST_ISFORK: 'False',
    },
    { system: 'azure', branch: 'fix', pullRequest: { id: '5', baseBranch: 'main', isFork: false } },
  ],
  ['a branch on Azure', { TF_BUILD: 'True', BUILD_SOURCEBRANCH: 'refs/heads/a/b' }, { system: 'azure', branch: 'a/b' }],
  [
    'a fork on CircleCI',
    { CIRCLECI: 'true', CIRCLE_BRANCH: 'pull/12', CIRCLE_PR_NUMBER: '12' },
    { system: 'circleci', branch: 'pull/12', pullRequest: { id: '12', isFork: true } },
  ],
  [
    'a branch with a pull request on CircleCI',
    { CIRCLECI: 'true', CIRCLE_BRANCH: 'fix', CIRCLE_PULL_REQUEST: 'https://example.com/acme/app/pull/4' },
    { system: 'circleci', branch: 'fix', pullRequest: { id: '4', isFork: false } },
  ],
  [
    'a pull request on Jenkins',
    {
      JENKINS_URL: 'http://localhost',
      CHANGE_ID: '8',
      CHANGE_BRANCH: 'fix',
      CHANGE_TARGET: 'main',
      CHANGE_FORK: 'eve',
    },
    { system: 'jenkins', branch: 'fix', pullRequest: { id: '8', baseBranch: 'main', isFork: true } },
  ],
  [
    'the primary branch on Jenkins',
    { JENKINS_URL: 'http://localhost', BRANCH_NAME: 'trunk', BRANCH_IS_PRIMARY: 'true' },
    { system: 'jenkins', branch: 'trunk', defaultBranch: 'trunk' },
  ],
  [
    'a branch of a plain job on Jenkins',
    { JENKINS_URL: 'http://localhost', GIT_BRANCH: 'origin/fix' },
    { system: 'jenkins', branch: 'fix' },
  ],
  [
    'a pull request on Buildkite from the same repository, written in two ways',
    {
      BUILDKITE: 'true',
      BUILDKITE_BRANCH: 'fix',
      BUILDKITE_PULL_REQUEST: '6',
      BUILDKITE_PULL_REQUEST_BASE_BRANCH: 'main',
      BUILDKITE_PULL_REQUEST_REPO: 'https://example.com/acme/app.git',
      BUILDKITE_REPO: 'git@example.com:acme/app.git',
      BUILDKITE_PIPELINE_DEFAULT_BRANCH: 'main',
    },
    {
      system: 'buildkite',
      branch: 'fix',
      defaultBranch: 'main',
      pullRequest: { id: '6', baseBranch: 'main', isFork: false },
    },
  ],
  [
    'a branch on Buildkite',
    { BUILDKITE: 'true', BUILDKITE_BRANCH: 'main', BUILDKITE_PULL_REQUEST: 'false' },
    { system: 'buildkite', branch: 'main' },
  ],
];

for (const [name, env, expected] of cases) {
  test(name, () => {
    assert.deepEqual(readChangeContext({ env, git: {} }), expected);
  });
}

test('the document of a GitHub event tells the default branch and the fork', async () => {
  await using directory = await TemporaryDirectory.create();
  const path = directory.join('event.json');
  await writeFile(
    path,
    JSON.stringify({
      repository: { full_name: 'acme/app', default_branch: 'main' },
      pull_request: { head: { repo: { full_name: 'eve/app' } } },
    }),
  );
  const env = {
    GITHUB_ACTIONS: 'true',
    GITHUB_EVENT_NAME: 'pull_request_target',
    GITHUB_EVENT_PATH: path,
    GITHUB_REF: 'refs/heads/main',
    GITHUB_HEAD_REF: 'fix',
    GITHUB_BASE_REF: 'main',
  };
  assert.deepEqual(readChangeContext({ env, git: {} }), {
    system: 'github',
    branch: 'fix',
    defaultBranch: 'main',
    pullRequest: { id: 'unknown', baseBranch: 'main', isFork: true },
  });
});

test('outside of CI, git tells; where nobody knows the default branch, Nx does', () => {
  assert.deepEqual(readChangeContext({ env: {}, git: { branch: 'x' }, defaultBase: 'origin/main' }), {
    system: 'git',
    branch: 'x',
    defaultBranch: 'main',
  });
});
