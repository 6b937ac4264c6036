import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDiagnostics } from '../diagnostics/format-diagnostics';
import { parseDockerfile } from './parse';

/** An instruction of a stage, the code of its only mistake, the column, and a part of message or hint. */
const mistakes: readonly (readonly [string, string, number, RegExp])[] = [
  ['RNU x', 'DOCKERFILE_UNKNOWN_INSTRUCTION', 1, /did you mean "RUN"/],
  ['"RUN" x', 'DOCKERFILE_UNKNOWN_INSTRUCTION', 1, /"RUN"/],
  ['FROM', 'DOCKERFILE_ARGUMENTS', 1, /name of an image/],
  ['FROM a as', 'DOCKERFILE_ARGUMENTS', 8, /one name/],
  ['FROM a b', 'DOCKERFILE_ARGUMENTS', 8, /"b"/],
  ['FROM a AS 1st', 'DOCKERFILE_STAGE_NAME', 11, /begins with a letter/],
  ['FROM --plaform=x a', 'DOCKERFILE_UNKNOWN_FLAG', 6, /--platform/],
  ['COPY a', 'DOCKERFILE_ARGUMENTS', 6, /destination/],
  ['COPY ["a", 1]', 'DOCKERFILE_JSON', 6, /strings only/],
  ['COPY --form=x a b', 'DOCKERFILE_UNKNOWN_FLAG', 6, /--from/],
  ['COPY --link=maybe a b', 'DOCKERFILE_FLAG_VALUE', 6, /true or false/],
  ['COPY --chown a b', 'DOCKERFILE_FLAG_VALUE', 6, /needs a value/],
  ['COPY --chown=1 --chown=2 a b', 'DOCKERFILE_DUPLICATE_FLAG', 16, /twice/],
  ['COPY a <<EOF\nEOF', 'DOCKERFILE_HEREDOC', 8, /destination/],
  ['ADD --parents a b', 'DOCKERFILE_UNKNOWN_FLAG', 5, /ADD has no flag/],
  ['RUN <<EOF\nx', 'DOCKERFILE_UNTERMINATED_HEREDOC', 5, /EOF/],
  ['RUN --mount=type=cahe,target=/x y', 'DOCKERFILE_MOUNT', 13, /"cache"/],
  ['RUN --mount=target=/x,typ=bind y', 'DOCKERFILE_MOUNT', 23, /"type"/],
  ['RUN --network=nnoe x', 'DOCKERFILE_FLAG_VALUE', 15, /"none"/],
  ['RUN --security=insecure x', 'DOCKERFILE_INSECURE_RUN', 16, /entitlement/],
  ['RUN --device=x y', 'DOCKERFILE_UNSUPPORTED', 14, /stable/],
  ['RUN ["a", null]', 'DOCKERFILE_JSON', 5, /strings only/],
  ['ENV', 'DOCKERFILE_ARGUMENTS', 1, /key=value/],
  ['ENV KEY', 'DOCKERFILE_KEY_VALUE', 5, /no "="/],
  ['ENV A=b c', 'DOCKERFILE_KEY_VALUE', 9, /"c"/],
  ['ENV =b', 'DOCKERFILE_KEY_VALUE', 5, /name before/],
  ['LABEL a=b =c', 'DOCKERFILE_KEY_VALUE', 11, /name before/],
  ['ARG', 'DOCKERFILE_ARGUMENTS', 1, /ARG needs/],
  ['ARG =x', 'DOCKERFILE_KEY_VALUE', 5, /name before/],
  ['SHELL /bin/sh -c', 'DOCKERFILE_JSON', 7, /JSON/],
  ['SHELL []', 'DOCKERFILE_ARGUMENTS', 1, /program/],
  ['WORKDIR', 'DOCKERFILE_ARGUMENTS', 1, /path/],
  ['USER', 'DOCKERFILE_ARGUMENTS', 1, /user/],
  ['VOLUME', 'DOCKERFILE_ARGUMENTS', 1, /path/],
  ['VOLUME [" "]', 'DOCKERFILE_ARGUMENTS', 8, /empty/],
  ['EXPOSE', 'DOCKERFILE_ARGUMENTS', 1, /port/],
  ['STOPSIGNAL', 'DOCKERFILE_ARGUMENTS', 1, /signal/],
  ['MAINTAINER', 'DOCKERFILE_ARGUMENTS', 1, /name/],
  ['CMD --x y', 'DOCKERFILE_UNKNOWN_FLAG', 5, /CMD has no flag/],
  ['HEALTHCHECK', 'DOCKERFILE_ARGUMENTS', 1, /NONE or CMD/],
  ['HEALTHCHECK NONE x', 'DOCKERFILE_HEALTHCHECK', 18, /no arguments/],
  ['HEALTHCHECK CMD', 'DOCKERFILE_HEALTHCHECK', 13, /needs a command/],
  ['HEALTHCHECK curl x', 'DOCKERFILE_HEALTHCHECK', 13, /put CMD/],
  ['HEALTHCHECK --interval=5 CMD x', 'DOCKERFILE_HEALTHCHECK', 24, /no duration/],
  ['HEALTHCHECK --timeout=1us CMD x', 'DOCKERFILE_HEALTHCHECK', 23, /at least 1ms/],
  ['HEALTHCHECK --retries=-1 CMD x', 'DOCKERFILE_HEALTHCHECK', 23, /number from 0/],
  ['ONBUILD', 'DOCKERFILE_ARGUMENTS', 1, /instruction/],
  ['ONBUILD FROM x', 'DOCKERFILE_ONBUILD', 9, /FROM cannot/],
  ['ONBUILD ONBUILD RUN x', 'DOCKERFILE_ONBUILD', 9, /ONBUILD cannot/],
  ['ONBUILD COPY a', 'DOCKERFILE_ARGUMENTS', 14, /destination/],
  ['ONBUILD RNU a', 'DOCKERFILE_UNKNOWN_INSTRUCTION', 9, /RUN/],
];

for (const [text, code, column, expected] of mistakes) {
  test(`${text.replace('\n', ' | ')}: ${code}`, () => {
    const { dockerfile, diagnostics } = parseDockerfile({ path: 'Dockerfile', text: `FROM base\n${text}\n` });
    assert.deepEqual(
      diagnostics.map((diagnostic) => [diagnostic.code, diagnostic.location?.line, diagnostic.location?.column]),
      [[code, 2, column]],
    );
    const [{ message, hint = '', severity } = { message: '', severity: '' }] = diagnostics;
    assert.equal(severity, 'error');
    assert.match(`${message} ${hint}`, expected);
    assert.deepEqual(dockerfile.stages[0]?.instructions, []);
  });
}

test('an entitlement allows what is refused without it', () => {
  const text = 'FROM a\nRUN --security=insecure x\n';
  const { dockerfile, diagnostics } = parseDockerfile({ path: 'd', text, entitlements: ['security.insecure'] });
  assert.deepEqual(diagnostics, []);
  const [run] = dockerfile.stages[0]?.instructions ?? [];
  assert.equal(run?.kind === 'RUN' && run.security, 'insecure');
});

test('flags that BuildKit drops unread are a warning', () => {
  const { dockerfile, diagnostics } = parseDockerfile({ path: 'd', text: 'FROM a\nARG --x A\n' });
  assert.deepEqual(
    diagnostics.map(({ code, severity }) => [code, severity]),
    [['DOCKERFILE_FLAG_IGNORED', 'warning']],
  );
  assert.equal(dockerfile.stages[0]?.instructions.length, 1);
});

test('ten mistakes print as ten diagnostics', () => {
  const text = [
    'ARG VERSION=1',
    'WORKDIR /early',
    'FROM node:$VERSION AS 2nd',
    'COPY --form=build a b',
    'RNU npm ci',
    'ENV KEY',
    'RUN --mount=type=cahe,target=/x true',
    'SHELL /bin/sh -c',
    'HEALTHCHECK --interval=5 CMD true',
    'COPY onlyone',
    'ONBUILD FROM x',
    '',
  ].join('\n');
  const { diagnostics } = parseDockerfile({ path: 'app/Dockerfile', text });
  assert.equal(
    formatDiagnostics(diagnostics),
    `app/Dockerfile:2:1: error DOCKERFILE_BEFORE_FROM: WORKDIR stands before the first FROM, where only ARG may
  | WORKDIR /early
  | ^

app/Dockerfile:3:23: error DOCKERFILE_STAGE_NAME: "2nd" is no valid name for a stage
  | FROM node:$VERSION AS 2nd
  |                       ^
  hint: a name begins with a letter and has letters, digits, "-", "_" and "." only

app/Dockerfile:4:6: error DOCKERFILE_UNKNOWN_FLAG: COPY has no flag "--form"
  | COPY --form=build a b
  |      ^
  hint: did you mean "--from"?

app/Dockerfile:5:1: error DOCKERFILE_UNKNOWN_INSTRUCTION: there is no instruction "RNU"
  | RNU npm ci
  | ^
  hint: did you mean "RUN"?

app/Dockerfile:6:5: error DOCKERFILE_KEY_VALUE: ENV needs key=value, but "KEY" has no "="
  | ENV KEY
  |     ^
  hint: put quotes around a value with spaces, and no spaces around "="

app/Dockerfile:7:13: error DOCKERFILE_MOUNT: "cahe" is no type of --mount: bind, cache, tmpfs, secret, ssh
  | RUN --mount=type=cahe,target=/x true
  |             ^
  hint: did you mean "cache"?

app/Dockerfile:8:7: error DOCKERFILE_JSON: SHELL needs an array of strings in JSON
  | SHELL /bin/sh -c
  |       ^
  hint: such as SHELL ["/bin/sh", "-c"]

app/Dockerfile:9:24: error DOCKERFILE_HEALTHCHECK: "5" is no duration, such as 30s or 1m30s
  | HEALTHCHECK --interval=5 CMD true
  |                        ^

app/Dockerfile:10:6: error DOCKERFILE_ARGUMENTS: COPY needs at least one source and a destination
  | COPY onlyone
  |      ^

app/Dockerfile:11:9: error DOCKERFILE_ONBUILD: FROM cannot follow ONBUILD
  | ONBUILD FROM x
  |         ^`,
  );
});
