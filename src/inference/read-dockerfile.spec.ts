import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDockerfile, type ReadDockerfileOptions } from './read-dockerfile';

function read(
  text: string,
  options: Partial<ReadDockerfileOptions> = {},
): { readonly paths: readonly string[]; readonly images: readonly string[] } {
  const { uses, images } = readDockerfile({ path: 'Dockerfile', text, ...options });
  return { paths: uses.map(({ context, path }) => (context === undefined ? path : `${context}:${path}`)), images };
}

test('COPY, ADD and bind mounts tell what is taken from the context', () => {
  const { paths, images } = read(`FROM alpine AS a
    COPY --chown=1:1 package.json ./lib/*.js /deps/
    ADD https://example.com/x.tgz local.tgz /
    RUN --mount=type=bind,source=apps/api,target=/src --mount=type=cache,target=/c true
    COPY --from=b /out /out
    COPY <<END /x
hello
END
`);
  assert.deepEqual(paths, ['package.json', 'lib/*.js', 'local.tgz', 'apps/api', 'b:out']);
  assert.deepEqual(images, ['alpine', 'b']);
});

test('stages that the target does not need say nothing', () => {
  const text = 'FROM x AS test\nCOPY spec .\nFROM y AS run\nCOPY src .\n';
  assert.deepEqual(read(text), { paths: ['src'], images: ['y'] });
  assert.deepEqual(read(text, { target: 'test' }), { paths: ['spec'], images: ['x'] });
  assert.deepEqual(read(text, { target: 'no-such' }).paths, ['spec', 'src']);
});

test('variables are replaced where their value is known, and cut the path off where not', () => {
  const text =
    'ARG BASE=nx-project:base\nFROM $BASE\nARG APP=api\nENV DIR=apps/$APP\nCOPY $DIR/src x$UNKNOWN/y z/$UNKNOWN/y ./\n';
  assert.deepEqual(read(text), { paths: ['apps/api/src', '.', 'z'], images: ['nx-project:base'] });
  const given = { APP: 'web', BASE: 'b' };
  assert.deepEqual(read(text, { buildArgs: given }), { paths: ['apps/web/src', '.', 'z'], images: ['b'] });
  // Known only when the target runs: the default does not count.
  assert.deepEqual(read(text, { buildArgs: { APP: undefined } }).paths, ['.', 'z']);
  assert.deepEqual(read('FROM x\nCOPY apps/$A/src .\n').paths, ['apps']);
});

test('a stage inherits the variables of its base', () => {
  assert.deepEqual(read('FROM x AS a\nENV D=apps\nFROM a\nCOPY $D/y .\n').paths, ['apps/y']);
});

test('where the base depends on what only the build knows, every stage may be needed', () => {
  const text = 'FROM x AS build-amd64\nCOPY one .\nFROM y AS build-arm64\nCOPY two .\nFROM build-$TARGETARCH\n';
  assert.deepEqual(read(text).paths, ['one', 'two']);
});

test('paths are clean and stay in the context', () => {
  assert.deepEqual(read('FROM x\nCOPY ./a/ /b/../c ../../d . ./\n').paths, ['a', 'c', 'd', '.']);
});

test('a broken file gives what could be read', () => {
  assert.deepEqual(read('FRM x\nCOPPY a b\nCOPY c /\nRUN [\n').paths, ['c']);
  assert.deepEqual(read('').paths, []);
});
