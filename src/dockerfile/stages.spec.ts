import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from '../testing/repository-root';
import { resolveGlobalArgs } from './global-args';
import { parseDockerfile } from './parse';
import { selectStages, type StageSelection } from './select-stages';
import type { StageGraphResult } from './stage-graph';
import { resolveStages, type ResolveStagesOptions } from './stages';

interface Plan extends StageGraphResult {
  readonly select: (target?: string) => StageSelection;
}

function plan(text: string, options: Partial<ResolveStagesOptions> = {}): Plan {
  const { dockerfile, diagnostics } = parseDockerfile({ path: 'Dockerfile', text });
  assert.deepEqual(diagnostics, []);
  const globals = resolveGlobalArgs(dockerfile, { buildArgs: new Map(), predefined: new Map() });
  assert.deepEqual(globals.diagnostics, []);
  const result = resolveStages(dockerfile, { globalArgs: globals.values, ...options });
  return { ...result, select: (target) => selectStages(dockerfile, result.graph, target) };
}

function requiredNames(selection: StageSelection): readonly string[] {
  return selection.required.map(({ displayName }) => displayName);
}

test('a base is an earlier stage, scratch or an image, its variables expanded', () => {
  const { graph, diagnostics } = plan(
    'ARG V=20 P=linux/arm64\nFROM node:$V AS node\nFROM node AS b\nFROM --platform=$P scratch\nFROM other:${V%0}\n',
  );
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(
    graph.stages.map(({ base, platform, displayName }) => [displayName, base, platform]),
    [
      ['node', { kind: 'image', reference: 'node:20' }, undefined],
      ['b', { kind: 'stage', index: 0 }, undefined],
      ['stage-2', { kind: 'scratch' }, 'linux/arm64'],
      ['stage-3', { kind: 'image', reference: 'other:2' }, undefined],
    ],
  );
});

test('a stage named like its own base still starts from the image', () => {
  const { graph, diagnostics } = plan('FROM alpine AS alpine\nFROM alpine\n');
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(
    graph.stages.map(({ base }) => base),
    [
      { kind: 'image', reference: 'alpine' },
      { kind: 'stage', index: 0 },
    ],
  );
});

test('COPY takes names without case and numbers, mounts take names', () => {
  const { graph, diagnostics } = plan(
    [
      'FROM x AS one',
      'FROM x AS two',
      'FROM x',
      'COPY --from=ONE a b',
      'COPY --from=1 a b',
      'COPY --from=img:1 a b',
      'RUN --mount=target=/c --mount=from=Two,target=/t --mount=from=0,target=/z true',
    ].join('\n'),
  );
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(
    graph.stages[2]?.dependencies.map(({ source, mount }) => [source, mount]),
    [
      [{ kind: 'stage', index: 0 }, undefined],
      [{ kind: 'stage', index: 1 }, undefined],
      [{ kind: 'image', reference: 'img:1' }, undefined],
      [{ kind: 'stage', index: 1 }, 1],
      [{ kind: 'image', reference: '0' }, 2],
    ],
  );
});

test('of two stages of one name COPY takes the last, FROM the nearest above', () => {
  const { graph } = plan('FROM x AS a\nFROM a AS b\nFROM y AS a\nFROM z\nCOPY --from=a p q\n');
  assert.deepEqual(graph.stages[1]?.base, { kind: 'stage', index: 0 });
  assert.deepEqual(graph.stages[3]?.dependencies[0]?.source, { kind: 'stage', index: 2 });
});

test('a target needs what it is built from, and nothing else', () => {
  const { select } = plan(
    [
      'FROM x AS unused',
      'FROM x AS base',
      'FROM base AS deps',
      'FROM x AS tools',
      'FROM base AS build',
      'COPY --from=deps a b',
      'RUN --mount=from=tools,target=/t true',
      'FROM base',
      'COPY --from=build a b',
    ].join('\n'),
  );
  assert.deepEqual(requiredNames(select()), ['base', 'deps', 'tools', 'build', 'stage-5']);
  assert.deepEqual(requiredNames(select('DEPS')), ['base', 'deps']);
  assert.deepEqual(requiredNames(select('unused')), ['unused']);
});

test('the recorded monorepo leaves nothing out', () => {
  const file = join(repositoryRoot(), 'test-data/golden/cases/node-monorepo/Dockerfile');
  const { select } = plan(readFileSync(file, 'utf8'));
  assert.deepEqual(requiredNames(select()), ['base', 'deps', 'build', 'runtime']);
  assert.deepEqual(requiredNames(select('build')), ['base', 'deps', 'build']);
});

test('an unknown target gets a hint', () => {
  const { select } = plan('FROM x AS build\nFROM x AS runtime\n');
  const hints = ['biuld', 'zzz', '0'].map((name) => select(name).diagnostics[0]);
  assert.deepEqual(
    hints.map((diagnostic) => [diagnostic?.code, diagnostic?.message, diagnostic?.hint]),
    [
      ['DOCKERFILE_TARGET', 'there is no stage "biuld"', 'did you mean "build"?'],
      ['DOCKERFILE_TARGET', 'there is no stage "zzz"', 'stages are build, runtime'],
      ['DOCKERFILE_TARGET', 'there is no stage "0"', 'stages are build, runtime'],
    ],
  );
  assert.equal(select('zzz').target, undefined);
});

test('stages that come too late, or need each other, are told where they are used', () => {
  const { select } = plan(
    [
      'FROM x AS late',
      'COPY --from=last a b',
      'FROM x AS self',
      'COPY --from=self a b',
      'FROM x AS one',
      'RUN --mount=from=two,target=/t true',
      'FROM one AS two',
      'FROM x AS last',
    ].join('\n'),
  );
  const told = (target: string): unknown =>
    select(target).diagnostics.map(({ code, message, location }) => [code, message, location?.line]);
  assert.deepEqual(told('last'), []);
  assert.deepEqual(told('late'), [
    ['DOCKERFILE_STAGE_ORDER', 'the stage "late" copies from "last", which comes after it', 2],
  ]);
  assert.deepEqual(told('self'), [['DOCKERFILE_STAGE_CYCLE', 'the stage "self" copies from itself', 4]]);
  assert.deepEqual(told('two'), [['DOCKERFILE_STAGE_CYCLE', 'the stages "one" and "two" need each other', 6]]);
});

test('mistakes in references are found, slips are warned about', () => {
  const { diagnostics } = plan(
    [
      'ARG EMPTY=',
      'FROM x AS build',
      'FROM Build AS b2',
      'FROM later AS b3',
      'FROM x AS later',
      'FROM $EMPTY',
      'FROM ${MISSING?}',
      'FROM x',
      'COPY --from=biuld a b',
      'COPY --from=$STAGE a b',
      'COPY --from=99 a b',
    ].join('\n'),
  );
  assert.deepEqual(
    diagnostics.map(({ code, severity, location }) => [code, severity, location?.line]),
    [
      ['DOCKERFILE_STAGE_REFERENCE', 'error', 3],
      ['DOCKERFILE_STAGE_ORDER', 'warning', 4],
      ['DOCKERFILE_EXPANSION', 'error', 6],
      ['DOCKERFILE_EXPANSION', 'error', 7],
      ['DOCKERFILE_STAGE_REFERENCE', 'warning', 9],
      ['DOCKERFILE_STAGE_REFERENCE', 'error', 10],
      ['DOCKERFILE_STAGE_REFERENCE', 'error', 11],
    ],
  );
  assert.equal(diagnostics[3]?.hint, 'declare ARG MISSING before the first FROM, with a default');
  assert.equal(diagnostics[4]?.hint, 'did you mean "build"?');
});

test('ONBUILD of a base stage runs in the next one only, with its dependencies', () => {
  const { graph, select } = plan(
    ['FROM x AS files', 'FROM x AS parent', 'ONBUILD COPY --from=files a b', 'FROM parent AS child', 'FROM child'].join(
      '\n',
    ),
  );
  assert.deepEqual(
    graph.stages.map(({ triggers }) => triggers.map(({ kind, range }) => [kind, range.line])),
    [[], [], [['COPY', 4]], []],
  );
  assert.deepEqual(requiredNames(select('child')), ['files', 'parent', 'child']);
  assert.deepEqual(requiredNames(select('parent')), ['parent']);
});

test('a named context replaces a stage with all it needs', () => {
  const { graph, select } = plan('FROM x AS a\nFROM a AS b\nCOPY --from=a p q\nFROM b\n', {
    namedContexts: new Set(['b']),
  });
  assert.deepEqual(graph.stages[1]?.base, { kind: 'context', name: 'b' });
  assert.deepEqual(requiredNames(select()), ['b', 'stage-2']);
});

test('global ARGs: a build arg wins, a default uses earlier ones, an ARG without either is not set', () => {
  const { dockerfile } = parseDockerfile({ path: 'd', text: 'ARG A=1 B=${A}2 C\nARG B=$B-$TARGETARCH D=x\nFROM x\n' });
  const buildArgs = new Map([
    ['A', '9'],
    ['D', 'y$A'],
  ]);
  const { values } = resolveGlobalArgs(dockerfile, { buildArgs, predefined: new Map([['TARGETARCH', 'amd64']]) });
  assert.deepEqual(Object.fromEntries(values), { TARGETARCH: 'amd64', A: '9', B: '92-amd64', D: 'y$A' });
  const broken = parseDockerfile({ path: 'd', text: 'ARG A=${B?}\nFROM x\n' });
  const { diagnostics } = resolveGlobalArgs(broken.dockerfile, { buildArgs: new Map(), predefined: new Map() });
  assert.deepEqual(
    diagnostics.map(({ code, location }) => [code, location?.line]),
    [['DOCKERFILE_EXPANSION', 1]],
  );
});
