import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { isTag } from '../oci/reference';
import { branchSlug } from './branch-slug';
import { readGitState, type GitState } from './git';
import { Mistakes } from './mistakes';
import { replaceTokens } from './tokens';

const sha = '0123456789abcdef0123456789abcdef01234567';

function replace<T>(
  value: T,
  { env = {}, git = () => ({ sha, branch: 'main' }) }: { env?: Record<string, string>; git?: () => GitState } = {},
): { readonly value: T; readonly messages: readonly string[] } {
  const mistakes = new Mistakes();
  const invocation = {
    workspaceRoot: '/workspace',
    projectName: 'api',
    projectRoot: 'apps/api',
    env,
    homeDirectory: '/',
    hostPlatform: { os: 'linux', architecture: 'amd64' },
  };
  const replaced = replaceTokens(value, { invocation, git }, mistakes);
  const messages = mistakes.diagnostics.map(({ location, message }) => `${location?.file ?? ''}: ${message}`);
  return { value: replaced, messages };
}

test('tokens are replaced in every string, however deep', () => {
  const { value, messages } = replace(
    {
      tags: ['r/{projectName}:{shortSha}', 'r/{projectName}:{branch}-{hash}'],
      labels: { root: '{workspaceRoot}/{projectRoot}', sha: '{sha}', env: '{env.A} $A ${A} ${B:-b} ${E:-e}' },
      push: true,
    },
    { env: { A: 'a', E: '', NX_TASK_HASH: '42' } },
  );
  assert.deepEqual(messages, []);
  assert.deepEqual(value, {
    tags: ['r/api:0123456', 'r/api:main-42'],
    labels: { root: '/workspace/apps/api', sha, env: 'a a a b e' },
    push: true,
  });
});

test('unknown tokens and unset variables are mistakes that name the option', () => {
  const { messages } = replace({ tags: ['ok', '{projectname}'], labels: { a: '$NOPE' } });
  assert.deepEqual(messages, [
    'tags[1]: unknown token {projectname}',
    'labels.a: environment variable NOPE is not set',
  ]);
});

test('braces and dollars that are no tokens stay, and a backslash keeps one that looks like a token', () => {
  const texts = ['{"a": 1}', '{ x }', '{}', '100$', '$5', '${', '\\{projectName}', '\\$HOME'];
  assert.deepEqual(replace(texts).value, ['{"a": 1}', '{ x }', '{}', '100$', '$5', '${', '{projectName}', '$HOME']);
});

test('values are not looked through for further tokens', () => {
  assert.equal(replace('$A', { env: { A: '{projectName} $B' } }).value, '{projectName} $B');
});

test('git is not asked where no token needs it', () => {
  const git = (): GitState => assert.fail('git was asked');
  assert.equal(replace('{projectName}', { git }).value, 'api');
  assert.deepEqual(replace('{sha}{branch}', { git: () => ({}) }).messages.length, 2);
});

test('commit and branch come from git, and the branch from CI where none is checked out', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'nxrc-git-'));
  t.after(() => rm(directory, { recursive: true }));
  assert.deepEqual(readGitState(directory, { GITHUB_REF_NAME: 'x' }).sha, undefined);
  const git = (...args: string[]): void =>
    void execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], {
      cwd: directory,
      stdio: 'ignore',
    });
  git('init', '--initial-branch', 'feature/one');
  git('commit', '--allow-empty', '-m', 'first');
  const state = readGitState(directory, {});
  assert.match(state.sha ?? '', /^[0-9a-f]{40}$/);
  assert.match(state.branch ?? '', /^feature-one-[0-9a-f]{10}$/);
  git('checkout', '--detach');
  assert.equal(readGitState(directory, {}).branch, undefined);
  assert.equal(readGitState(directory, { CI_COMMIT_REF_NAME: 'main' }).branch, 'main');
});

test('slugs of branches are tags, and different branches have different slugs', () => {
  const branch = fc.oneof(fc.string(), fc.stringMatching(/^[a-z/-]{0,80}$/), fc.stringMatching(/^x-[0-9a-f]{10}$/));
  fc.assert(fc.property(branch, (name) => isTag(branchSlug(name))));
  fc.assert(fc.property(branch, branch, (one, other) => one === other || branchSlug(one) !== branchSlug(other)));
  assert.notEqual(branchSlug('feature/one'), branchSlug('feature-one'));
  assert.notEqual(branchSlug(branchSlug('feature/one')), branchSlug('feature/one'));
});
