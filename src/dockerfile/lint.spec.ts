import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lintDockerfile } from './lint';
import { parseDockerfile } from './parse';

function lint(text: string): readonly (readonly [string, number | undefined])[] {
  const { dockerfile, diagnostics } = parseDockerfile({ path: 'Dockerfile', text });
  assert.deepEqual(diagnostics, []);
  return lintDockerfile(dockerfile).map(({ code, severity, location }) => {
    assert.equal(severity, 'warning');
    return [code.replace('DOCKERFILE_', ''), location?.line];
  });
}

test('each rule has what it finds and what it leaves alone', () => {
  const cases: readonly (readonly [string, readonly (readonly [string, number])[]])[] = [
    ['FROM x AS a\nFROM y AS A', [['DUPLICATE_STAGE_NAME', 2]]],
    ['FROM x AS context', [['RESERVED_STAGE_NAME', 1]]],
    ['FROM x\nCMD a\nENTRYPOINT ["a"]', [['JSON_ARGS_RECOMMENDED', 2]]],
    [
      'FROM x\nCMD ["a"]\nCMD ["b"]\nCMD ["c"]',
      [
        ['MULTIPLE_INSTRUCTIONS_DISALLOWED', 2],
        ['MULTIPLE_INSTRUCTIONS_DISALLOWED', 3],
      ],
    ],
    ['FROM x\nCMD ["a"]\nFROM y\nCMD ["b"]', []],
    [
      'FROM x\nENV a b\nLABEL c d\nENV e=f',
      [
        ['LEGACY_KEY_VALUE_FORMAT', 2],
        ['LEGACY_KEY_VALUE_FORMAT', 3],
      ],
    ],
    ['FROM x\nMAINTAINER me', [['MAINTAINER_DEPRECATED', 2]]],
    [
      'ARG NPM_TOKEN\nFROM x\nENV DB_PASSWORD=1 api_key=2',
      [
        ['SECRETS_USED_IN_ARG_OR_ENV', 1],
        ['SECRETS_USED_IN_ARG_OR_ENV', 3],
        ['SECRETS_USED_IN_ARG_OR_ENV', 3],
      ],
    ],
    ['FROM x\nARG PUBLIC_KEY TOKEN_FILE MONKEY AUTHOR', []],
    ['FROM x\nWORKDIR app\nWORKDIR b', [['WORKDIR_RELATIVE_PATH', 2]]],
    ['FROM x AS a\nWORKDIR /srv\nWORKDIR app\nFROM a\nWORKDIR b\nFROM y\nWORKDIR $D', []],
    ['ARG BASE=x\nFROM $BASE\nFROM --platform=$BUILDPLATFORM y', []],
    [
      'ARG BASE=x\nFROM ${BAES:-y}\nFROM --platform=$P y',
      [
        ['UNDEFINED_ARG_IN_FROM', 2],
        ['UNDEFINED_ARG_IN_FROM', 3],
      ],
    ],
  ];
  for (const [text, expected] of cases) assert.deepEqual(lint(text), expected, text);
});

test('unset variables: all of them from scratch, slips behind an image', () => {
  const undefinedVar = (line: number): readonly [string, number] => ['UNDEFINED_VAR', line];
  const cases: readonly (readonly [string, readonly (readonly [string, number])[]])[] = [
    ['FROM scratch\nCOPY $DIR /', [undefinedVar(2)]],
    ['FROM scratch\nARG DIR\nCOPY $DIR $PATH/', []],
    ['FROM image\nCOPY x $JAVA_HOME/', []],
    ['FROM image\nENV VERSION=1\nWORKDIR /$VERSON', [undefinedVar(3)]],
    ['FROM image AS a\nARG DIR=x\nFROM a\nCOPY ${DIIR} /', [undefinedVar(4)]],
    ['FROM scratch AS a\nENV X=1\nFROM a\nENV Y=$X Z=$Y', [undefinedVar(4)]],
    ['FROM scratch\nRUN echo $SHELL_DOES_THIS\nRUN --mount=type=cache,id=$APP,target=/c x', [undefinedVar(3)]],
    ['FROM scratch\nCOPY <<A <<"B" /\n$X \'\nA\n$Y\nB', [undefinedVar(2)]],
  ];
  for (const [text, expected] of cases) assert.deepEqual(lint(text), expected, text);
});

test('the check directive skips rules and makes errors of warnings', () => {
  const body = 'FROM x AS context\nMAINTAINER me\n';
  assert.deepEqual(lint(`# check=skip=ReservedStageName\n${body}`), [['MAINTAINER_DEPRECATED', 3]]);
  assert.deepEqual(lint(`# check=skip=all\n${body}`), []);
  const { dockerfile } = parseDockerfile({
    path: 'd',
    text: `# check=skip=MaintainerDeprecated;error=true;x=y\n${body}`,
  });
  assert.deepEqual(
    lintDockerfile(dockerfile).map(({ code, severity }) => [code, severity]),
    [
      ['DOCKERFILE_DIRECTIVE', 'error'],
      ['DOCKERFILE_RESERVED_STAGE_NAME', 'error'],
    ],
  );
});

test('an array in single quotes is told to be no JSON', () => {
  const { dockerfile } = parseDockerfile({ path: 'd', text: "FROM x\nCMD ['node', 'main.js']\n" });
  assert.match(lintDockerfile(dockerfile)[0]?.hint ?? '', /double quotes/);
});
