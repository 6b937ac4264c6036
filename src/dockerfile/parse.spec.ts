import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasErrors } from '../diagnostics/diagnostic';
import type { Instruction } from './ast';
import { heredocText } from './heredoc';
import { parseDockerfile } from './parse';

function parse(text: string): ReturnType<typeof parseDockerfile> {
  return parseDockerfile({ path: 'Dockerfile', text });
}

/** The instructions of the only stage of a file without mistakes. */
function instructionsOf(text: string): readonly Instruction[] {
  const { dockerfile, diagnostics } = parse(text);
  assert.ok(!hasErrors(diagnostics), JSON.stringify(diagnostics));
  assert.equal(dockerfile.stages.length, 1);
  return dockerfile.stages[0]?.instructions ?? [];
}

test('stages, their names and the ARGs before them', () => {
  const { dockerfile, diagnostics } = parse(
    'ARG V=1 W\nFROM --platform=$BUILDPLATFORM node:$V AS Build\nRUN a\nfrom Build as b.2\nFROM scratch\n',
  );
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(dockerfile.metaArgs[0]?.args, [{ key: 'V', defaultValue: '1' }, { key: 'W' }]);
  assert.deepEqual(
    dockerfile.stages.map(({ index, name, base, platform, instructions }) => [
      index,
      name,
      base,
      platform,
      instructions.length,
    ]),
    [
      [0, 'build', 'node:$V', '$BUILDPLATFORM', 1],
      [1, 'b.2', 'Build', undefined, 0],
      [2, undefined, 'scratch', undefined, 0],
    ],
  );
});

test('directives count at the top only, and the escape character takes effect', () => {
  const { dockerfile, diagnostics } = parse(
    '# syntax=docker/dockerfile:1\n#Escape = `\n# check=skip=all\n\n# escape=x\nFROM a\nRUN dir C:\\ `\n  && b\n',
  );
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(dockerfile.directives, { syntax: 'docker/dockerfile:1', escape: '`', check: 'skip=all' });
  assert.equal(dockerfile.stages[0]?.instructions[0]?.source, 'RUN dir C:\\   && b');
});

test('a bad, doubled or misspelt directive is told', () => {
  const { diagnostics } = parse('# escape=x\n# escape=`\n# synatx=a\nFROM a\n');
  assert.deepEqual(
    diagnostics.map(({ severity, location, hint }) => [severity, location?.line, hint]),
    [
      ['error', 1, undefined],
      ['error', 2, undefined],
      ['warning', 3, 'did you mean "syntax"?'],
    ],
  );
});

test('a byte order mark and carriage returns change nothing', () => {
  const unix = 'FROM a\nRUN one \\\n  two\nCOPY <<E /x\nbody\nE\n';
  const windows = `\ufeff${unix.replaceAll('\n', '\r\n')}`;
  const [run, copy] = instructionsOf(windows);
  assert.equal(run?.source, 'RUN one   two');
  assert.equal(
    copy?.kind === 'COPY' && copy.sources[0]?.kind === 'heredoc' && copy.sources[0].heredoc.content,
    'body\r\n',
  );
  assert.deepEqual(run.range, { line: 2, endLine: 3 });
});

test('continuations skip comments, and blank lines with a warning', () => {
  const text = 'FROM a\nRUN one \\\n# comment\n   # another\n\n  two \\  \n\\\nthree\\\\\nRUN four \\\n';
  const { dockerfile, diagnostics } = parse(text);
  const [first, second] = dockerfile.stages[0]?.instructions ?? [];
  assert.equal(first?.source, 'RUN one   two three\\\\');
  assert.deepEqual(first.range, { line: 2, endLine: 8 });
  assert.equal(second?.source, 'RUN four');
  assert.deepEqual(
    diagnostics.map(({ code, severity, location }) => [code, severity, location?.line]),
    [['DOCKERFILE_EMPTY_CONTINUATION', 'warning', 5]],
  );
});

test('here-documents: several, tabs, quotes, descriptors, and what only looks like one', () => {
  const [run, script, copy, plain, exec] = instructionsOf(
    [
      'FROM a',
      'RUN 3<<-ONE cat && cat <<"TWO"',
      '\tone $X',
      '\tONE',
      'two',
      'ONE',
      'TWO',
      'RUN <<EOF',
      'FROM is no instruction here',
      'EOF',
      "COPY <<-a.txt <<'b c' x /d/",
      '\ttabs',
      'a.txt',
      'b c',
      'RUN echo "<<NO" \'<<NO\' <<<NO',
      'RUN ["<<EOF"]',
    ].join('\n'),
  );
  assert.ok(run?.kind === 'RUN' && run.command.form === 'shell');
  assert.deepEqual(run.command.heredocs, [
    { name: 'ONE', chomp: true, expand: true, fileDescriptor: 3, content: '\tone $X\n' },
    { name: 'TWO', chomp: false, expand: false, fileDescriptor: 0, content: 'two\nONE\n' },
  ]);
  assert.deepEqual(run.range, { line: 2, endLine: 7 });
  assert.ok(script?.kind === 'RUN' && script.command.form === 'shell');
  assert.equal(script.command.heredocs[0]?.content, 'FROM is no instruction here\n');
  assert.ok(copy?.kind === 'COPY');
  assert.deepEqual(
    copy.sources.map((source) => (source.kind === 'heredoc' ? heredocText(source.heredoc) : source.path)),
    ['tabs\n', "<<'b", "c'", 'x'],
  );
  assert.ok(plain?.kind === 'RUN' && plain.command.form === 'shell');
  assert.deepEqual(plain.command.heredocs, []);
  assert.deepEqual(exec?.kind === 'RUN' && exec.command, { form: 'exec', args: ['<<EOF'] });
});

test('a file that has no stage says so once', () => {
  const codesOf = (text: string): readonly string[] => parse(text).diagnostics.map(({ code }) => code);
  assert.deepEqual(codesOf(''), ['DOCKERFILE_EMPTY']);
  assert.deepEqual(codesOf('# only\n\n# comments'), ['DOCKERFILE_EMPTY']);
  assert.deepEqual(codesOf('ARG A\nRUN x\nRUN y\n'), ['DOCKERFILE_NO_STAGE']);
  assert.deepEqual(codesOf('RUN x\nFROM a\n'), ['DOCKERFILE_BEFORE_FROM']);
  assert.deepEqual(codesOf('FORM a\nRUN x\n'), ['DOCKERFILE_UNKNOWN_INSTRUCTION']);
});

test('a column points into the line where the word stands, across continuations', () => {
  const { diagnostics } = parse('FROM a\n  RUN --network=none \\\n    --mout=type=cache \\\n    x\n');
  assert.deepEqual(diagnostics[0]?.location, {
    file: 'Dockerfile',
    line: 3,
    column: 5,
    lineText: '    --mout=type=cache \\',
  });
  assert.equal(diagnostics[0].hint, 'did you mean "--mount"?');
});

test('a line that BuildKit would not read is an error', () => {
  const { diagnostics } = parse(`FROM a\nRUN ${'x'.repeat(70_000)}\n`);
  assert.deepEqual(
    diagnostics.map(({ code, location }) => [code, location?.line]),
    [['DOCKERFILE_LINE_TOO_LONG', 2]],
  );
});
