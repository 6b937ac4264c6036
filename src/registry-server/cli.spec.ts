import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseServeArguments } from './cli';

test('arguments have defaults, and the root is relative to where the command was given', () => {
  assert.deepEqual(parseServeArguments(['--root', 'images'], '/work'), {
    ok: true,
    value: { port: 5000, root: '/work/images', host: '127.0.0.1', log: false },
  });
  assert.deepEqual(parseServeArguments(['--log', '--port=0', '--host', '::1', '--root=/r'], '/work'), {
    ok: true,
    value: { port: 0, root: '/r', host: '::1', log: true },
  });
});

test('all mistakes are told at once', () => {
  const result = parseServeArguments(['here', '--prot=1', '--port=70000', '--log=yes', '--host='], '/work');
  assert.ok(!result.ok);
  assert.deepEqual(
    result.diagnostics.map(({ message }) => message),
    [
      'unexpected argument "here"',
      'unknown option --prot',
      '--port 70000 is not a port',
      '--root is missing',
      '--host needs a value',
      '--log takes no value',
    ],
  );
});
