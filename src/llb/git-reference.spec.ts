import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGitReference } from './git-reference';
import type { GitSource } from './operation';

const addresses: Readonly<Record<string, Partial<GitSource>>> = {
  'https://host/r.git': { url: 'https://host/r.git' },
  'http://u:p@host:1/d/r.git#v1': { url: 'http://u:p@host:1/d/r.git', ref: 'v1' },
  'https://host/r.git#:sub/../dir': { url: 'https://host/r.git', subdirectory: 'dir' },
  'https://host/r.git#v1:/sub/': { url: 'https://host/r.git', ref: 'v1', subdirectory: 'sub' },
  'git://host/r': { url: 'git://host/r' },
  'ssh://git@host/r': { url: 'ssh://git@host/r' },
  'git@host:org/r.git#v1': { url: 'git@host:org/r.git', ref: 'v1' },
  'https://host/r.git?tag=1.0&subdir=a': { url: 'https://host/r.git', ref: 'refs/tags/1.0', subdirectory: 'a' },
  'https://host/r.git?branch=main': { url: 'https://host/r.git', ref: 'refs/heads/main' },
  'https://host/r.git?ref=x#x': { url: 'https://host/r.git', ref: 'x' },
  'https://host/r.git?keep-git-dir': { url: 'https://host/r.git', keepGitDir: true },
  'https://host/r.git?submodules=0&commit=abc&mtime=commit&fetch-by-commit=true': {
    url: 'https://host/r.git',
    checksum: 'abc',
    skipSubmodules: true,
    commitTimes: true,
    fetchByCommit: true,
  },
};

test('addresses of repositories', () => {
  for (const [text, source] of Object.entries(addresses)) {
    const parsed = parseGitReference(text);
    assert.ok(parsed.kind === 'git', text);
    assert.deepEqual(parsed.source, { kind: 'git', keepGitDir: false, ...source }, text);
  }
});

test('paths and URLs of files are none', () => {
  for (const text of [
    'a',
    './git@host:r',
    '../r.git',
    'dir/r.git',
    'https://host/r.tar.gz',
    'https://host/r.git/x',
    'github.com/a/b',
    'ftp://host/r.git',
  ]) {
    assert.equal(parseGitReference(text).kind, 'none', text);
  }
});

test('queries that make no sense are refused', () => {
  const queries = [
    'colour=blue',
    'ref=a&ref=b',
    'ref=',
    'ref=a&branch=b',
    'tag=a&branch=a',
    'mtime=now',
    'submodules=maybe',
  ];
  for (const query of queries) assert.equal(parseGitReference(`https://host/r.git?${query}`).kind, 'bad', query);
  assert.equal(parseGitReference('https://host/r.git?ref=a#b').kind, 'bad');
});
