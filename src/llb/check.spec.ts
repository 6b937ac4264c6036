import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDockerfile } from '../dockerfile/parse';
import { checkDockerfile } from './check';

async function check(text: string, { isIncomplete = false, target = '' } = {}): Promise<readonly string[]> {
  const { dockerfile } = parseDockerfile({ path: 'Dockerfile', text });
  const platform = { os: 'linux', architecture: 'amd64' };
  const diagnostics = await checkDockerfile({ dockerfile, platform, target }, { isIncomplete });
  return diagnostics.map(({ code, location }) => `${location?.line ?? 0} ${code}`);
}

test('everything is found that needs no base image, past stages that cannot be resolved', async () => {
  const text = `FROM UPPER//case AS a
EXPOSE http
FROM base AS b
ADD --checksum=abc https://example.com/x /
COPY --chmod=rw x /
STOPSIGNAL SIGNONE
COPY --from=a /x /y
VOLUME ""
`;
  assert.deepEqual(await check(text), [
    '1 DOCKERFILE_IMAGE_REFERENCE',
    '2 DOCKERFILE_PORT',
    '4 DOCKERFILE_COPY_SOURCE',
    '5 DOCKERFILE_CHMOD',
    '6 DOCKERFILE_SIGNAL',
    '8 DOCKERFILE_VOLUME',
  ]);
});

test('what a base image may set is not complained about', async () => {
  const lines = 'STOPSIGNAL $SIGNAL\nVOLUME $DATA\nEXPOSE ${PORT:?none}\nCOPY <<EOF /x\n${X:?none}\nEOF\n';
  assert.deepEqual(await check(`FROM base\n${lines}`), []);
  assert.deepEqual(await check(`FROM base AS a\nFROM a\n${lines}`), []);
  assert.deepEqual(
    (await check(`FROM scratch\n${lines}`)).filter((line) => !line.endsWith('_VARIABLE')),
    ['2 DOCKERFILE_SIGNAL', '3 DOCKERFILE_VOLUME', '4 DOCKERFILE_EXPANSION', '5 DOCKERFILE_EXPANSION'],
  );
});

test('where instructions are missing, lines with variables are left alone', async () => {
  const text = 'FROM $BASE\nEXPOSE $PORT x\nEXPOSE y\n';
  assert.deepEqual(await check(text, { isIncomplete: true }), ['3 DOCKERFILE_PORT']);
});

test('a stage that the target does not need is not checked', async () => {
  assert.deepEqual(await check('FROM scratch AS a\nEXPOSE x\nFROM scratch AS b\nEXPOSE 1\n'), []);
  assert.deepEqual(await check('FROM scratch AS a\nEXPOSE x\nFROM scratch\n', { target: 'a' }), ['2 DOCKERFILE_PORT']);
});

test('an owner by name is left to the build where the base image may know it', async () => {
  const lines = ['COPY --chown=app a /a', 'COPY --link --chmod=644 --chown=app a /a', 'USER app', 'WORKDIR /w'];
  assert.deepEqual(await check(`FROM base AS b\n${lines.join('\n')}\nFROM b\n${lines.join('\n')}`), []);
  assert.deepEqual(await check('FROM base\nCOPY --link --chown=app a /a'), ['2 DOCKERFILE_OWNER']);
  assert.deepEqual(await check(`FROM scratch\n${lines[0]!}`), ['2 DOCKERFILE_OWNER']);
});
