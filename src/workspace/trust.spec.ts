import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChangeContext } from './ci/contract';
import { cacheRights, type CacheAccess, type TrustPreset } from './trust';

const main: ChangeContext = { system: 'github', branch: 'main', defaultBranch: 'main' };
const pullRequest: ChangeContext = {
  system: 'github',
  branch: 'fix',
  defaultBranch: 'main',
  pullRequest: { id: '7', baseBranch: 'release', isFork: false },
};

const rights = (change: ChangeContext, preset: TrustPreset = 'protected', access: CacheAccess = 'read-write') =>
  cacheRights({ change, preset, access });

test('the default branch reads and writes what is trusted', () => {
  assert.deepEqual(rights(main), {
    isTrusted: true,
    reads: ['trusted'],
    writes: 'trusted',
    importScopes: [{ side: 'trusted', branch: 'main' }],
    exportScope: { side: 'trusted', branch: 'main' },
  });
});

test('a pull request reads both sides and writes its own', () => {
  assert.deepEqual(rights(pullRequest), {
    isTrusted: false,
    reads: ['trusted', 'untrusted'],
    writes: 'untrusted',
    importScopes: [
      { side: 'untrusted', branch: 'fix' },
      { side: 'trusted', branch: 'fix' },
      { side: 'trusted', branch: 'release' },
      { side: 'trusted', branch: 'main' },
    ],
    exportScope: { side: 'untrusted', branch: 'fix' },
  });
});

test('a pull request from a branch named like the default one is not trusted', () => {
  const hostile = { ...pullRequest, branch: 'main', pullRequest: { id: '7', baseBranch: 'main', isFork: true } };
  const { isTrusted, exportScope } = rights(hostile);
  assert.deepEqual(
    { isTrusted, exportScope },
    { isTrusted: false, exportScope: { side: 'untrusted', branch: 'pull-7/main' } },
  );
});

test('laptops and unprotected branches are not trusted, protected tags are', () => {
  assert.equal(rights({ system: 'git', branch: 'main', defaultBranch: 'main' }).isTrusted, false);
  assert.equal(rights({ ...main, branch: 'fix' }).isTrusted, false);
  assert.equal(rights({ system: 'github', tag: 'v1' }).isTrusted, false);
  assert.equal(rights({ system: 'github', tag: 'v1', isProtected: true }).isTrusted, true);
});

test('a tag has no scope of its own and reads the default branch', () => {
  const { importScopes, exportScope } = rights({
    system: 'gitlab',
    tag: 'v1',
    isProtected: true,
    defaultBranch: 'main',
  });
  assert.deepEqual(
    { importScopes, exportScope },
    {
      importScopes: [{ side: 'trusted', branch: 'main' }],
      exportScope: undefined,
    },
  );
});

test('strict: what is not trusted writes nothing; open: everything is trusted', () => {
  assert.deepEqual([rights(pullRequest, 'strict').writes, rights(main, 'strict').writes], [undefined, 'trusted']);
  assert.deepEqual([rights(pullRequest, 'open').isTrusted, rights(pullRequest, 'open').reads], [true, ['trusted']]);
});

test('read-only writes nothing, off reads nothing either', () => {
  const readOnly = rights(main, 'protected', 'read-only');
  assert.deepEqual([readOnly.writes, readOnly.exportScope, readOnly.reads], [undefined, undefined, ['trusted']]);
  assert.deepEqual(rights(main, 'protected', 'off'), { isTrusted: true, reads: [], importScopes: [] });
});
