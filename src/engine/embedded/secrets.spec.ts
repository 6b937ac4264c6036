import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '../../diagnostics/coded-error';
import { SecretValues } from './secrets';

test('secrets come from files and from the environment', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'nxrc-secrets-'));
  t.after(() => rm(directory, { recursive: true }));
  const file = join(directory, 'token');
  await writeFile(file, 'from-file\n');
  const secrets = await SecretValues.read(
    [
      { id: 'a', from: { file } },
      { id: 'b', from: { env: 'B' } },
    ],
    { B: 'from-env' },
  );
  assert.equal(secrets.get('a', { optional: false })?.toString(), 'from-file\n');
  assert.equal(secrets.get('b', { optional: false })?.toString(), 'from-env');
  assert.equal(secrets.get('c', { optional: true }), undefined);
});

test('a required secret that was not given names its id and says how to give it', async () => {
  const secrets = await SecretValues.read([], {});
  assert.throws(
    () => secrets.get('npm', { optional: false }),
    (error) => isCodedError(error, 'SECRET_MISSING') && error.hint?.includes('id=npm') === true,
  );
});

test('an unset variable and a missing file are told before the build', async () => {
  const unset = SecretValues.read([{ id: 'a', from: { env: 'NOPE' } }], {});
  await assert.rejects(unset, (error) => isCodedError(error, 'SECRET_UNREADABLE') && error.message.includes('NOPE'));
  const missing = SecretValues.read([{ id: 'a', from: { file: '/nonexistent/secret' } }], {});
  await assert.rejects(missing, (error) => isCodedError(error, 'SECRET_UNREADABLE'));
});
