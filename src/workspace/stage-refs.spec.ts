import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test, type TestContext } from 'node:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatReference, type Reference } from '../oci/reference';
import type { StageRefSettings } from '../stage-refs/contract';
import type { DockerBuildOptions } from './docker-build-options';
import { readGitBranches } from './git';
import type { Invocation } from './invocation';
import { Mistakes } from './mistakes';
import { readStageRefs } from './stage-refs';
import type { CacheAccess } from './trust';

const cache = 'ghcr.io/acme/cache';
const main = { GITHUB_ACTIONS: 'true', GITHUB_REF: 'refs/heads/main', GITHUB_REF_PROTECTED: 'true' };

interface Reading {
  readonly options?: DockerBuildOptions;
  readonly invocation?: Partial<Invocation>;
  readonly access?: CacheAccess;
}

function read({ access = 'read-write', invocation = {}, options = {} }: Reading): {
  readonly settings: StageRefSettings | undefined;
  readonly mistakes: readonly string[];
} {
  const mistakes = new Mistakes();
  const settings = readStageRefs(
    { cache, ...options },
    {
      access,
      outputs: [],
      invocation: {
        workspaceRoot: tmpdir(),
        projectName: '@acme/api',
        projectRoot: 'apps/api',
        env: main,
        homeDirectory: '/home/someone',
        hostPlatform: { os: 'linux', architecture: 'amd64' },
        ...invocation,
      },
    },
    mistakes,
  );
  return { settings, mistakes: mistakes.diagnostics.map(({ code, location }) => `${location?.file ?? ''} ${code}`) };
}

const texts = (references: readonly Reference[] = []): readonly string[] => references.map(formatReference);

test('a trusted build has one repository, and fails if it cannot be written', () => {
  const { settings } = read({ invocation: { projectName: 'api' } });
  assert.deepEqual(texts(settings?.reads), [cache]);
  assert.deepEqual(texts(settings?.scopes), [`${cache}:scope-main--api`]);
  assert.deepEqual([settings?.writes?.repository, settings?.ignoreError], ['acme/cache', false]);
});

test('all others read both and write theirs, which is no condition', () => {
  const { settings } = read({ invocation: { env: { ...main, GITHUB_REF_PROTECTED: 'false' } } });
  assert.deepEqual(texts(settings?.reads), [cache, `${cache}-untrusted`]);
  assert.deepEqual([settings?.writes?.repository, settings?.ignoreError], ['acme/cache-untrusted', true]);
  const named = read({ options: { untrustedCache: 'ghcr.io/acme/other' }, invocation: { env: {} } });
  assert.deepEqual(texts(named.settings?.reads), [cache, 'ghcr.io/acme/other']);
});

test('targets, platforms, projects and branches each have a scope of their own', () => {
  const tags = [
    read({}),
    read({ invocation: { projectName: 'api' } }),
    read({ invocation: { targetName: 'docker-build-worker' } }),
    read({ options: { platforms: ['linux/arm64'] } }),
    read({ options: { platform: 'linux/amd64' } }),
    read({ invocation: { env: { ...main, GITHUB_REF: 'refs/heads/main--x' } } }),
  ].map(({ settings }) => settings?.exportScope?.tag);
  assert.equal(new Set(tags).size, tags.length, tags.join(' '));
  assert.equal(read({ invocation: { targetName: 'docker-build' } }).settings?.exportScope?.tag, tags[0]);
});

test('the default branch is what the CI system says, else git, else Nx', () => {
  const env = { CIRCLECI: 'true', CIRCLE_BRANCH: 'trunk' };
  const written = (invocation: Partial<Invocation>) => read({ invocation: { env, ...invocation } }).settings?.writes;
  assert.equal(written({})?.repository, 'acme/cache-untrusted');
  assert.equal(written({ defaultBase: 'origin/trunk' })?.repository, 'acme/cache');
});

test('mistakes about trust are told', () => {
  const short = { ...main, NX_REGISTRY_CACHE_SECRET: 'too short' };
  assert.deepEqual(read({ invocation: { env: short } }).mistakes, ['NX_REGISTRY_CACHE_SECRET OPTION_INVALID']);
  assert.deepEqual(read({ options: { untrustedCache: cache } }).mistakes, ['untrustedCache OPTION_CONFLICT']);
  assert.deepEqual(read({ options: { untrustedCache: 'a:b' } }).mistakes, ['untrustedCache OPTION_INVALID']);
  assert.deepEqual(read({ options: { trust: 'strickt' as 'strict' } }).mistakes, ['trust OPTION_UNKNOWN_WORD']);
  const off = read({ access: 'off', options: { dryRun: true } });
  assert.deepEqual([off.settings, off.mistakes], [undefined, ['dryRun OPTION_CONFLICT']]);
});

test('settings do not show secrets', () => {
  const secret = 'a secret of some length';
  const { settings } = read({ invocation: { env: { ...main, NX_REGISTRY_CACHE_SECRET: secret } } });
  assert.ok(settings?.signatures);
  assert.ok(!JSON.stringify(settings).includes(secret));
});

test('git knows the branch, and the default branch of a clone', async (t: TestContext) => {
  const directory = await mkdtemp(join(tmpdir(), 'nxrc-git-'));
  t.after(() => rm(directory, { recursive: true }));
  assert.deepEqual(readGitBranches(directory), {});
  const git = (...args: readonly string[]): Buffer =>
    execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@example.com', ...args], {
      cwd: directory,
      stdio: 'pipe',
    });
  git('init', '--quiet', '-b', 'release/1', 'origin');
  git('-C', 'origin', 'commit', '--quiet', '--allow-empty', '-m', 'first');
  git('clone', '--quiet', 'origin', 'clone');
  git('-C', 'clone', 'checkout', '--quiet', '-b', 'fix/x');
  assert.deepEqual(readGitBranches(join(directory, 'clone')), { branch: 'fix/x', defaultBranch: 'release/1' });
});
