import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { isCodedError } from '../../diagnostics/coded-error';
import { TemporaryDirectory } from '../../testing/temporary-directory';
import { resolveGit } from './git-source';

test('what git says of a failure is told, without the password of the URL', async (t) => {
  await using directory = await TemporaryDirectory.create();
  const server = createServer((_, response) => response.writeHead(404).end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const source = { kind: 'git', url: `http://me:hunter2@${host}/acme/lib.git`, keepGitDir: false } as const;
  const options = { temporaryDirectory: directory.path, env: process.env };
  await assert.rejects(resolveGit(source, options), (error) => {
    assert.ok(isCodedError(error, 'GIT_SOURCE_FAILED'));
    assert.match(
      error.message,
      /cannot use git repository http:\/\/127\.0\.0\.1:\d+\/acme\/lib\.git: fatal: .*not found/,
    );
    // Causes are printed with --verbose.
    assert.doesNotMatch([error.message, error.hint, error.cause].join(), /hunter2/);
    return true;
  });
  const noGit = resolveGit(source, { ...options, env: { PATH: directory.path } });
  await assert.rejects(noGit, { message: /git is not installed/ });
});
