import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCodedError } from '../diagnostics/coded-error';
import { parseDockerfile } from '../dockerfile/parse';
import { digestOf } from '../oci/digest';
import { convertDockerfile } from './convert';
import { convertText, operationsOf, plainImage, problemsOf, verticesOf } from './testing/convert-text';

const namesOf = (conversion: Awaited<ReturnType<typeof convertText>>): readonly string[] =>
  verticesOf(conversion).map((vertex) => vertex.name);

test('only what the target needs is converted and asked for, each image once', async () => {
  const asked: string[] = [];
  const conversion = await convertText(
    'FROM one AS a\nRUN a\nFROM two AS b\nRUN b\nFROM one AS c\nCOPY --from=a /x /x\nCOPY --from=three /y /y\nFROM c AS d\nRUN d',
    { target: 'C', asked },
  );
  assert.deepEqual(asked, ['docker.io/library/one:latest linux/amd64', 'docker.io/library/three:latest linux/amd64']);
  assert.deepEqual(
    conversion.stages.map(({ name, index }) => [name, index]),
    [
      ['a', 0],
      ['c', 2],
    ],
  );
  assert.equal(conversion.target?.name, 'c');
  assert.equal(conversion.target.edge?.vertex, conversion.root?.vertex);
});

test('equal vertices are one object', async () => {
  const conversion = await convertText(
    'FROM base AS a\nCOPY x /\nFROM base AS b\nCOPY x /\nFROM base\nCOPY --from=a / /a\nCOPY --from=b / /b',
  );
  assert.equal(operationsOf(conversion, 'image').length, 1);
  assert.equal(operationsOf(conversion, 'local').length, 1);
  assert.equal(operationsOf(conversion, 'file').length, 3);
  assert.equal(new Set(verticesOf(conversion).map((vertex) => vertex.digest)).size, verticesOf(conversion).length);
});

test('vertices are named as BuildKit names them', async () => {
  const digest = digestOf('docker.io/library/base:latest');
  const lines = Array.from({ length: 8 }, (_, index) => `RUN ${index}`).join('\n');
  assert.deepEqual(namesOf(await convertText(`FROM base\n${lines}\nENV D=x\nCOPY a $D\nworkdir $D`)).slice(0, 2), [
    `[ 1/11] FROM docker.io/library/base:latest@${digest}`,
    '[ 2/11] RUN 0',
  ]);
  assert.deepEqual(namesOf(await convertText('FROM base AS b\nENV D=x\nFROM b\nCOPY "a" ${D}/\nworkdir $D')).slice(1), [
    '[internal] load build context',
    '[stage-1 1/2] COPY a x/',
    '[stage-1 2/2] WORKDIR x',
  ]);
  assert.deepEqual(namesOf(await convertText('FROM scratch\nCOPY a b')), [
    '[internal] load build context',
    '[1/1] COPY a b',
  ]);
  assert.equal(namesOf(await convertText('FROM base\nRUN <<EOF\n\none\ntwo\nEOF')).at(-1), '[2/2] RUN <<EOF (one...)');
});

test('names tell platforms where several are built', async () => {
  const text = 'FROM --platform=$BUILDPLATFORM base AS x\nARG TARGETARCH\nRUN x\nFROM scratch\nCOPY --from=x / /';
  const conversion = await convertText(text, {
    platform: { os: 'linux', architecture: 'aarch64', variant: 'v8' },
    buildPlatform: { os: 'linux', architecture: 'amd64' },
    multiPlatform: true,
  });
  assert.deepEqual(conversion.diagnostics, []);
  assert.deepEqual(namesOf(conversion).slice(1), [
    '[linux/amd64->arm64 x 2/2] RUN x',
    '[linux/arm64 stage-1 1/1] COPY --from=x / /',
  ]);
  const [exec] = operationsOf(conversion, 'exec');
  assert.ok(exec);
  assert.deepEqual(exec.platform, { os: 'linux', architecture: 'amd64' });
  assert.deepEqual(exec.env, ['PATH=/usr/bin:/bin', 'TARGETARCH=arm64']);
  assert.equal(conversion.target?.image.architecture, 'arm64');
});

test('a base image for another platform is a warning', async () => {
  const conversion = await convertText('FROM --platform=linux/arm64 base\nRUN x');
  assert.deepEqual(problemsOf(conversion), ['1:29 DOCKERFILE_BASE_PLATFORM']);
  assert.ok(conversion.root);
});

test('the main context is sent with what is read of it and no more', async () => {
  const paths = async (text: string): Promise<readonly string[] | undefined> => {
    const { localSources } = await convertText(text, { excludePatterns: ['*.md'] });
    const [source] = localSources;
    assert.ok(source);
    assert.deepEqual(source.excludePatterns, ['*.md']);
    return source.followPaths;
  };
  assert.deepEqual(await paths('FROM base\nCOPY b ./a/../c /x/\nRUN --mount=source=/d,target=/d x'), ['b', 'c', 'd']);
  assert.equal(await paths('FROM base\nCOPY a /\nCOPY . /'), undefined);
  assert.equal(await paths('FROM base\nCOPY a /\nRUN --mount=target=/c x'), undefined);
  assert.deepEqual(await paths('FROM base AS no\nCOPY z /\nFROM base\nCOPY a /\nRUN --mount=type=tmpfs,target=/c x'), [
    'a',
  ]);
  assert.deepEqual((await convertText('FROM base\nRUN x')).localSources, []);
});

test('a named context stands in for an image or a stage', async () => {
  const text =
    'FROM lib AS dep\nRUN dep\nFROM alpine:3.20\nCOPY --from=dep /d /d\nCOPY --from=files a b /f/\nCOPY --from=lib / /l';
  const conversion = await convertText(text, {
    contexts: {
      dep: { kind: 'image', reference: 'ghcr.io/acme/dep' },
      'docker.io/library/alpine:3.20': { kind: 'git', url: 'https://host/alpine.git#main' },
      files: { kind: 'local', excludePatterns: ['x'] },
      lib: { kind: 'http', url: 'https://host/lib' },
    },
  });
  assert.deepEqual(conversion.diagnostics, []);
  assert.deepEqual(conversion.localSources, [
    { kind: 'local', name: 'files', excludePatterns: ['x'], followPaths: ['a', 'b'] },
  ]);
  assert.deepEqual(operationsOf(conversion, 'exec'), []);
  const names = namesOf(conversion);
  for (const name of [
    '[internal] load git source https://host/alpine.git',
    '[context dep] ghcr.io/acme/dep:latest',
    '[context files] load from client',
    '[context lib] https://host/lib',
  ]) {
    assert.ok(names.includes(name), `${name} in ${names.join('\n')}`);
  }
});

test('what is run in a local context needs all of it', async () => {
  const { localSources } = await convertText('FROM files AS a\nFROM a AS b\nRUN x\nFROM base\nCOPY --from=b /x /x', {
    contexts: { files: { kind: 'local' } },
  });
  assert.deepEqual(localSources, [{ kind: 'local', name: 'files', excludePatterns: [] }]);
});

test('a context for one platform wins', async () => {
  const contexts = { a: { kind: 'local' }, 'a::linux/arm64': { kind: 'image', reference: 'arm' } } as const;
  const text = 'FROM scratch\nCOPY --from=a / /';
  assert.equal(operationsOf(await convertText(text, { contexts }), 'image').length, 0);
  const platform = { os: 'linux', architecture: 'arm64' };
  assert.equal(operationsOf(await convertText(text, { contexts, platform }), 'image').length, 1);
});

test('triggers of a base image run first, and may need more images', async () => {
  const asked: string[] = [];
  const onbuild = {
    ...plainImage,
    config: { ...plainImage.config, OnBuild: ['COPY . /src', 'COPY --from=tools /t /t', 'ENV X=1'] },
  };
  const conversion = await convertText('FROM parent\nRUN x', {
    images: { 'docker.io/library/parent:latest': onbuild },
    asked,
  });
  assert.deepEqual(conversion.diagnostics, []);
  assert.deepEqual(asked, [
    'docker.io/library/parent:latest linux/amd64',
    'docker.io/library/tools:latest linux/amd64',
  ]);
  assert.deepEqual(
    namesOf(conversion).filter((name) => !/FROM|internal/.test(name)),
    ['[2/5] ONBUILD COPY . /src', '[3/5] ONBUILD COPY --from=tools /t /t', '[4/5] RUN x'],
  );
  assert.deepEqual(operationsOf(conversion, 'exec')[0]?.env, ['PATH=/usr/bin:/bin', 'X=1']);
  assert.equal(conversion.target?.image.config?.OnBuild, undefined);
});

test('triggers of a stage run in the stages that start from it, not in those after', async () => {
  const conversion = await convertText('FROM base AS a\nONBUILD RUN t\nRUN a\nFROM a AS b\nRUN b\nFROM b\nRUN c');
  assert.deepEqual(
    operationsOf(conversion, 'exec').map((exec) => exec.args.at(-1)),
    ['a', 't', 'b', 'c'],
  );
  const { target } = await convertText('FROM base AS a\nONBUILD RUN t\nRUN a');
  assert.deepEqual(target?.image.config?.OnBuild, ['RUN t']);
});

test('an image without layers is scratch', async () => {
  const empty = { ...plainImage, rootfs: { type: 'layers', diff_ids: [] } } as const;
  const conversion = await convertText('FROM empty', { images: { 'docker.io/library/empty:latest': empty } });
  assert.equal(conversion.root, undefined);
  assert.deepEqual(conversion.diagnostics, []);
  assert.ok(conversion.target);
});

test('--no-cache for all stages or some, on the steps that do something', async () => {
  const text = 'FROM base AS a\nRUN a\nFROM base AS b\nWORKDIR /w\nCOPY x y\nCOPY --from=a / /';
  const ignoring = async (noCache: boolean | readonly string[]): Promise<readonly string[]> =>
    verticesOf(await convertText(text, { noCache }))
      .filter((vertex) => vertex.ignoreCache)
      .map((vertex) => vertex.name.replace(/.*\] /, ''));
  assert.deepEqual(await ignoring(false), []);
  assert.deepEqual(await ignoring(true), ['COPY x y', 'RUN a', 'COPY --from=a / /']);
  assert.deepEqual(await ignoring(['A']), ['RUN a']);
});

test('each vertex knows its stage and line', async () => {
  const conversion = await convertText('FROM base AS a\nRUN \\\n  x\n\nFROM a\nCOPY y .');
  assert.deepEqual(
    verticesOf(conversion).map(({ stage, line }) => [stage, line]),
    [
      ['a', 1],
      ['a', 2],
      [undefined, undefined],
      ['stage-1', 6],
    ],
  );
});

test('mistakes that need no registry are told before any image is asked for', async () => {
  const asked: string[] = [];
  const problems = async (text: string, target?: string): Promise<readonly string[]> =>
    problemsOf(await convertText(text, { asked, ...(target !== undefined && { target }) }));
  assert.deepEqual(await problems('FROM base AS build', 'biuld'), ['0:0 DOCKERFILE_TARGET']);
  assert.deepEqual(await problems('FROM $NOWHERE'), ['1:1 DOCKERFILE_EXPANSION']);
  assert.deepEqual(await problems('FROM base\nCOPY --from=9 a b'), ['2:1 DOCKERFILE_STAGE_REFERENCE']);
  assert.deepEqual(await problems('FROM base AS a\nCOPY --from=b a b\nFROM a AS b'), ['2:1 DOCKERFILE_STAGE_CYCLE']);
  assert.deepEqual(await problems('FROM --platform=a/b/c/d base'), ['1:6 DOCKERFILE_PLATFORM']);
  assert.deepEqual(await problems('FROM base AS a\nFROM Bad:Tag:x\nCOPY --from=a a b'), [
    '2:6 DOCKERFILE_IMAGE_REFERENCE',
  ]);
  assert.deepEqual(asked, []);
});

test('an image that cannot be had is an error with line, cause and a guess', async () => {
  const { dockerfile } = parseDockerfile({ path: 'app/Dockerfile', text: 'FROM base AS build\nFROM biuld' });
  const cause = new Error('404');
  const failing = convertDockerfile(
    { dockerfile, platform: { os: 'linux', architecture: 'amd64' } },
    { resolveImage: () => Promise.reject(cause) },
  );
  await assert.rejects(failing, (error: unknown) => {
    assert.ok(isCodedError(error, 'BASE_IMAGE_UNRESOLVED'));
    assert.deepEqual(error.detail, { reference: 'docker.io/library/biuld:latest', file: 'app/Dockerfile', line: 2 });
    assert.equal(error.cause, cause);
    assert.equal(error.hint, 'did you mean the stage "build"?');
    return true;
  });
});

test('an abort is passed on as it is', async () => {
  const { dockerfile } = parseDockerfile({ path: 'Dockerfile', text: 'FROM base' });
  const reason = new Error('stop');
  const signal = AbortSignal.abort(reason);
  const aborted = convertDockerfile(
    { dockerfile, platform: { os: 'linux', architecture: 'amd64' } },
    { signal, resolveImage: (_reference, _platform, options) => Promise.reject(options?.signal?.reason as Error) },
  );
  await assert.rejects(aborted, (error) => error === reason);
});
