import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCodedError } from '../diagnostics/coded-error';
import { MemoryTree } from './memory-tree';
import { resolvePath } from './resolve-path';

test('symlinks are followed with the tree as root', async () => {
  const tree = new MemoryTree()
    .file('usr/bin/sh', '')
    .symlink('bin', 'usr/bin')
    .symlink('abs', '/usr')
    .symlink('out', '../../../etc/passwd')
    .symlink('usr/up', '../bin/sh')
    .symlink('dangling', 'no/where');
  const cases: Record<string, string> = {
    'bin/sh': 'usr/bin/sh',
    'abs/bin': 'usr/bin',
    out: 'etc/passwd',
    'usr/up': 'usr/bin/sh',
    'dangling/x': 'no/where/x',
    'bin/../x': 'x',
    'new/file': 'new/file',
    '': '',
  };
  for (const [path, expected] of Object.entries(cases)) assert.equal(await resolvePath(tree, path), expected, path);
  assert.equal(await resolvePath(tree, 'bin', { followLast: false }), 'bin');
});

test('a loop of symlinks ends in an error', async () => {
  const tree = new MemoryTree().symlink('a', 'b').symlink('b', 'a');
  await assert.rejects(resolvePath(tree, 'a/x'), (error) => isCodedError(error, 'PATH_LOOP'));
});
