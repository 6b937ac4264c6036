import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageConfig } from '../oci/image-config';
import { convertText, plainImage, problemsOf, verticesOf, type ConvertTextOptions } from './testing/convert-text';

async function imageOf(lines: string, options?: ConvertTextOptions): Promise<ImageConfig> {
  const conversion = await convertText(`FROM base\n${lines}\n`, options);
  assert.deepEqual(conversion.diagnostics, []);
  return conversion.target!.image;
}

/** History entries of the instructions, without those of the base. */
async function historyOf(lines: string, options?: ConvertTextOptions): Promise<readonly (string | undefined)[]> {
  const { history = [] } = await imageOf(lines, options);
  return history.slice(1).map((entry) => entry.created_by);
}

test('metadata makes no vertex, but history', async () => {
  const conversion = await convertText('FROM base\nENV A=1\nLABEL b=2\nCMD ["x"]\nUSER me\nEXPOSE 80\nVOLUME /v');
  assert.equal(verticesOf(conversion).length, 1);
  assert.ok(conversion.target?.image.history?.slice(1).every((entry) => entry.empty_layer));
});

test('history reads as that of BuildKit', async () => {
  const lines = [
    'ARG A=1 B',
    'ENV A="x y" C=$A',
    'LABEL l="a b"',
    'MAINTAINER me',
    'USER $C',
    'SHELL ["/bin/sh", "-e"]',
    'CMD echo "hi"',
    'ENTRYPOINT ["a\\tb", "☃"]',
    'EXPOSE 90-91/UDP 80',
    'VOLUME /b /a',
    'STOPSIGNAL sigterm',
    'HEALTHCHECK --interval=1m30s --timeout=1500ms --retries=3 CMD a b',
    'HEALTHCHECK NONE',
    'WORKDIR /',
  ].join('\n');
  assert.deepEqual(await historyOf(lines), [
    'ARG A=1 B',
    'ENV A=x y C=1',
    'LABEL l=a b',
    'MAINTAINER me',
    'USER 1',
    'SHELL [/bin/sh -e]',
    'CMD ["/bin/sh" "-e" "echo \\"hi\\""]',
    'ENTRYPOINT ["a\\tb" "☃"]',
    'EXPOSE [80/tcp 90/udp 91/udp]',
    'VOLUME [/b /a]',
    'STOPSIGNAL sigterm',
    'HEALTHCHECK {Test:[CMD-SHELL a b] Interval:1m30s Timeout:1.5s StartPeriod:0s StartInterval:0s Retries:3}',
    'HEALTHCHECK {Test:[NONE] Interval:0s Timeout:0s StartPeriod:0s StartInterval:0s Retries:0}',
    'WORKDIR /',
  ]);
});

test('an ENTRYPOINT drops the CMD of the base, not that of the stage', async () => {
  assert.equal((await imageOf('ENTRYPOINT ["e"]')).config?.Cmd, undefined);
  assert.deepEqual((await imageOf('CMD ["c"]\nENTRYPOINT ["e"]')).config?.Cmd, ['c']);
  assert.deepEqual((await imageOf('ENTRYPOINT ["e"]\nCMD ["c"]')).config?.Cmd, ['c']);
  const conversion = await convertText('FROM base AS a\nCMD ["c"]\nFROM a\nENTRYPOINT ["e"]');
  assert.equal(conversion.target?.image.config?.Cmd, undefined);
});

test('what the base image has is kept and added to', async () => {
  const base: ImageConfig = {
    ...plainImage,
    author: 'them',
    docker_version: '1',
    config: {
      Hostname: 'x',
      User: 'u',
      Env: ['A=1', 'PATH=/p'],
      Labels: { a: '1' },
      ExposedPorts: { '1/tcp': {} },
      Volumes: { '/v': {} },
      Healthcheck: { Test: ['CMD', 'x'] },
      WorkingDir: '/w',
      Cmd: null,
    },
  };
  const image = await imageOf('ENV A=2 B=3\nLABEL b=2\nEXPOSE 2\nVOLUME /w\nWORKDIR sub', {
    images: { 'docker.io/library/base:latest': base },
    labels: { b: '3', c: '4' },
  });
  assert.deepEqual(image.config, {
    User: 'u',
    ExposedPorts: { '1/tcp': {}, '2/tcp': {} },
    Env: ['A=2', 'PATH=/p', 'B=3'],
    Volumes: { '/v': {}, '/w': {} },
    WorkingDir: '/w/sub',
    Labels: { a: '1', b: '3', c: '4' },
    Healthcheck: { Test: ['CMD', 'x'] },
  });
  assert.equal(image.author, 'them');
  assert.ok(!('created' in image) && !('docker_version' in image));
});

test('the value of an ARG: build argument, default, global ARG, none', async () => {
  const { target } = await convertText('ARG G=g\nARG D=d\nFROM base\nARG G\nARG D=$G-x\nARG N\nARG B=b\n', {
    buildArgs: { B: '$raw' },
  });
  assert.deepEqual(
    target?.image.history?.slice(1).map((entry) => entry.created_by),
    ['ARG G=g', 'ARG D=g-x', 'ARG N', 'ARG B=$raw'],
  );
});

test('WORKDIR makes the directory for the user, and nothing for /', async () => {
  const conversion = await convertText('FROM base\nUSER app:5\nWORKDIR /a/../b/\nWORKDIR c\nWORKDIR /');
  const made = verticesOf(conversion).flatMap(({ operation }) => (operation.kind === 'file' ? operation.actions : []));
  const owner = { user: { name: 'app', input: 0 }, group: { id: 5 } };
  const shared = {
    kind: 'mkdir',
    input: 0,
    secondaryInput: -1,
    output: 0,
    mode: 0o755,
    makeParents: true,
    owner,
    timestamp: -1n,
  };
  assert.deepEqual(made, [
    { ...shared, path: '/b' },
    { ...shared, path: '/b/c' },
  ]);
  assert.equal(conversion.target?.image.config?.WorkingDir, '/');
});

test('times are fixed by SOURCE_DATE_EPOCH', async () => {
  const conversion = await convertText('FROM base\nARG SOURCE_DATE_EPOCH\nWORKDIR /w\nRUN x', {
    buildArgs: { SOURCE_DATE_EPOCH: '0012' },
  });
  const vertices = verticesOf(conversion);
  const [action] = vertices[1]?.operation.kind === 'file' ? vertices[1].operation.actions : [];
  assert.ok(action?.kind === 'mkdir' && action.timestamp === 12_000_000_000n);
  assert.ok(vertices[2]?.operation.kind === 'exec' && vertices[2].operation.env.includes('SOURCE_DATE_EPOCH=12'));
  assert.equal(conversion.sourceDateEpoch, 12);
  assert.deepEqual(
    conversion.target?.image.history?.map((entry) => entry.created),
    ['2023-11-14T22:13:20Z', ...Array.from({ length: 3 }, () => '1970-01-01T00:00:12Z')],
  );
});

test('every mistake is told, with its place', async () => {
  const conversion = await convertText(
    'FROM base\nEXPOSE 80 99999\nSTOPSIGNAL SIGWHAT\nENV A="${X?not there}"\nVOLUME ${NONE:-}\nENV PATHH=1\nENV B=$PATJ\n',
  );
  assert.deepEqual(problemsOf(conversion), [
    '2:11 DOCKERFILE_PORT',
    '3:12 DOCKERFILE_SIGNAL',
    '4:7 DOCKERFILE_EXPANSION',
    '5:1 DOCKERFILE_VOLUME',
    '7:8 DOCKERFILE_UNDEFINED_VARIABLE',
  ]);
  assert.equal(conversion.diagnostics.at(-1)?.severity, 'warning');
  assert.equal(conversion.diagnostics.at(-1)?.hint, 'did you mean $PATH?');
});

test('an epoch that is no number is refused', async () => {
  const conversion = await convertText('FROM base', { buildArgs: { SOURCE_DATE_EPOCH: 'yesterday' } });
  assert.deepEqual(problemsOf(conversion), ['0:0 DOCKERFILE_SOURCE_DATE_EPOCH']);
});

test('a variable that cannot be expanded is one mistake, whatever the instruction does with it', async () => {
  for (const instruction of [
    'EXPOSE ${X:?needed}',
    'EXPOSE ${X:?needed}/tcp',
    'STOPSIGNAL ${X:?needed}',
    'COPY --chmod=${X:?needed} a /',
    'ADD --checksum=${X:?needed} https://example.com/a /',
  ]) {
    const { diagnostics } = await convertText(`FROM scratch\n${instruction}\n`);
    assert.deepEqual(
      diagnostics.map(({ code, severity }) => [code, severity]),
      [['DOCKERFILE_EXPANSION', 'error']],
      instruction,
    );
  }
});
