import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasErrors } from '../diagnostics/diagnostic';
import { repositoryRoot } from '../testing/repository-root';
import type { Dockerfile, Heredoc, Instruction } from './ast';
import { lintDockerfile } from './lint';
import { parseDockerfile } from './parse';
import { resolveStages } from './stages';
import { selectStages } from './select-stages';

const MAX_PARSE_MS = 200;

function parse(text: string): ReturnType<typeof parseDockerfile> {
  return parseDockerfile({ path: 'Dockerfile', text });
}

function heredocsOf(instruction: Instruction): readonly Heredoc[] {
  if (instruction.kind === 'RUN') return instruction.command.form === 'shell' ? instruction.command.heredocs : [];
  if (instruction.kind !== 'COPY' && instruction.kind !== 'ADD') return [];
  return instruction.sources.flatMap((source) => (source.kind === 'heredoc' ? [source.heredoc] : []));
}

/** The sources of all instructions, one a line. */
function print({ directives, metaArgs, stages }: Dockerfile): string {
  const withBodies = (instruction: Instruction): string =>
    instruction.kind === 'ONBUILD'
      ? `ONBUILD ${instruction.expression}\n`
      : [`${instruction.source}\n`, ...heredocsOf(instruction).map(({ content, name }) => `${content}${name}\n`)].join(
          '',
        );
  return [
    ...Object.entries(directives).map(([name, value]) => `# ${name}=${value}\n`),
    ...metaArgs.map(withBodies),
    ...stages.flatMap(({ source, instructions }) => [`${source}\n`, ...instructions.map(withBodies)]),
  ].join('');
}

/** The tree without the places in the file. */
function withoutPlaces({ metaArgs, stages }: Dockerfile): unknown {
  return JSON.parse(
    JSON.stringify({ metaArgs, stages }, (key, value: unknown) => (key === 'range' ? undefined : value)),
  ) as unknown;
}

function everything(text: string): void {
  const { dockerfile } = parse(text);
  lintDockerfile(dockerfile);
  const { graph } = resolveStages(dockerfile, { globalArgs: new Map([['V', '1']]) });
  selectStages(dockerfile, graph);
}

const words = [
  ...[
    'FROM',
    'RUN',
    'COPY',
    'ADD',
    'ENV',
    'ARG',
    'ONBUILD',
    'HEALTHCHECK',
    'LABEL',
    'SHELL',
    'VOLUME',
    'CMD',
    '# escape=`',
  ],
  ...[
    'a',
    'AS',
    'b',
    '0',
    '<<E',
    '<<-"E"',
    'E',
    '--from=a',
    '--mount=',
    'type=cache,',
    'target=/x',
    '--link',
    '--',
    '["a"',
  ],
  ...[
    '"b"]',
    '$V',
    '${V:-',
    '}',
    '"',
    "'",
    '\\',
    '\\\n',
    '`\n',
    '\n',
    '\n',
    '\r\n',
    '\t',
    ' ',
    '#',
    '=',
    ',',
    '[',
    '\u0085',
  ],
];

test('any text is parsed, linted and resolved without throwing', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), everything));
  const parts = fc.array(fc.tuple(fc.constantFrom(...words), fc.constantFrom('', ' ')), { maxLength: 80 });
  fc.assert(
    fc.property(parts, (pairs) => everything(pairs.flat().join(''))),
    { numRuns: 2000 },
  );
});

test('every diagnostic has a place that exists', () => {
  const parts = fc.array(fc.constantFrom(...words), { maxLength: 60 });
  fc.assert(
    fc.property(parts, (pieces) => {
      const text = `FROM x\n${pieces.join(' ')}`;
      for (const { location } of parse(text).diagnostics) {
        const { line = 0, column = 0, lineText = '' } = location ?? {};
        assert.equal(text.split('\n')[line - 1]?.replace(/\r+$/, ''), lineText);
        assert.ok(column >= 1 && column <= lineText.length + 1, `${line}:${column} of ${JSON.stringify(text)}`);
      }
    }),
    { numRuns: 1000 },
  );
});

test('what is parsed, printed and parsed again is the same', () => {
  const line = fc.constantFrom(
    'RUN a \\\n  # c\n  && b',
    'RUN --mount=type=cache,target=/x <<E cat\nbody $x\nE',
    'COPY --link --chown=1 "a" b/ c/',
    'COPY <<-"E.txt" <<G /d/\n\tx\nE.txt\ny\nG',
    'COPY ["a b", "c"]',
    'ENV A="x \\" y" B=c\\ d',
    'ENV old way',
    'ARG X=1 Y',
    'ONBUILD RUN <<E\nz\nE',
    'HEALTHCHECK --interval=1s CMD ["x"]',
    'FROM a AS b',
    "LABEL k='v w'",
  );
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const first = parse(['ARG M=1', 'FROM scratch', ...lines].join('\n'));
      const second = parse(print(first.dockerfile));
      assert.deepEqual(withoutPlaces(second.dockerfile), withoutPlaces(first.dockerfile));
      assert.equal(print(second.dockerfile), print(first.dockerfile));
    }),
  );
});

test('the recorded Dockerfiles parse without a word, and print as they are', () => {
  const cases = join(repositoryRoot(), 'test-data/golden/cases');
  for (const entry of readdirSync(cases, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const { name } = entry;
    const text = readFileSync(join(cases, name, 'Dockerfile'), 'utf8');
    const { dockerfile, diagnostics } = parse(text);
    assert.deepEqual(diagnostics, [], name);
    const plain = text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => `${line}\n`)
      .join('');
    assert.equal(print(dockerfile), plain, name);
    assert.ok(!hasErrors(lintDockerfile(dockerfile)), name);
  }
});

test('a file of 5,000 lines parses fast', () => {
  const lines = [
    'RUN --mount=type=cache,target=/x make && \\',
    '  echo $X',
    'COPY --from=b --chown=1:2 a b c/',
    'ENV A=b C="d e"',
  ];
  const text = `FROM a AS b\n${Array.from({ length: 5000 }, (_, index) => lines[index % lines.length]).join('\n')}\n`;
  parse(text);
  const start = performance.now();
  assert.deepEqual(parse(text).diagnostics, []);
  assert.ok(performance.now() - start < MAX_PARSE_MS);
});
