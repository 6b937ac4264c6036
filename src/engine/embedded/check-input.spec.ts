import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isCodedError } from '../../diagnostics/coded-error';
import type { BuildRequest } from '../contract';
import { requestOf } from '../testing/build-request';
import { findFileMistakes, readCheckedInput } from './check-input';

async function request(t: TestContext, text: string, changes: Partial<BuildRequest> = {}): Promise<BuildRequest> {
  const context = await mkdtemp(join(tmpdir(), 'nxrc-check-input-'));
  t.after(() => rm(context, { recursive: true }));
  return requestOf({ context, dockerfile: { path: join(context, 'Dockerfile'), text }, ...changes });
}

async function mistakes(given: BuildRequest): Promise<readonly string[]> {
  try {
    await readCheckedInput(given);
    return [];
  } catch (error) {
    assert.ok(isCodedError(error, 'BUILD_INPUT_INVALID'), String(error));
    return error.detail.diagnostics.map(({ code, location }) => `${location?.line ?? 0} ${code}`);
  }
}

test('mistakes of syntax, of the conversion, of the linter and of the ignore file are one list, each once', async (t) => {
  const text = '# check=error=true\nFROM base\nEXPOSE http\nCOPY alone\nCMD x\nADD --checksum=abc https://host/x /\n';
  const given = await request(t, text, { allow: ['security.insecure'] });
  await writeFile(join(given.context, '.dockerignore'), 'a\n[\n');
  assert.deepEqual(await mistakes(given), [
    '0 OPTION_NOT_SUPPORTED',
    '3 DOCKERFILE_PORT',
    '4 DOCKERFILE_ARGUMENTS',
    '5 DOCKERFILE_JSON_ARGS_RECOMMENDED',
    '6 DOCKERFILE_COPY_SOURCE',
    '0 IGNORE_PATTERN',
  ]);
  const twice = { platforms: ['amd64', 'arm64'].map((architecture) => ({ os: 'linux', architecture })) };
  assert.deepEqual(await mistakes(await request(t, 'FROM base\nEXPOSE http\n', twice)), ['2 DOCKERFILE_PORT']);
});

test('an ignore file that is a directory or a pipe is a mistake, and not waited for', async (t) => {
  const given = await request(t, 'FROM scratch\n');
  await mkdir(join(given.context, '.dockerignore'));
  assert.deepEqual(await mistakes(given), ['0 IGNORE_FILE']);
  execFileSync('mkfifo', [join(given.context, 'Dockerfile.dockerignore')]);
  assert.deepEqual(await mistakes(given), ['0 IGNORE_FILE']);
  const other = { type: 'directory', directory: given.context } as const;
  const named = await request(t, 'FROM scratch\n', { buildContexts: { other } });
  assert.deepEqual(await mistakes(named), ['0 IGNORE_FILE']);
});

test('a warning of the linter stops nothing', async (t) => {
  const { diagnostics } = await readCheckedInput(await request(t, 'FROM base\nCMD x\n'));
  assert.deepEqual(
    diagnostics.map(({ code, severity }) => [code, severity]),
    [['DOCKERFILE_JSON_ARGS_RECOMMENDED', 'warning']],
  );
});

test('beside mistakes in options, nothing is said of files for another frontend', async (t) => {
  const text = 'FROM base\nEXPOSE http\n';
  assert.equal((await findFileMistakes(await request(t, text))).length, 1);
  assert.deepEqual(await findFileMistakes(await request(t, `# syntax=acme/frontend\n${text}`)), []);
});
