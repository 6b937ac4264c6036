import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainMiss } from './explain';
import { keyOf } from './field-hash';
import { foldFiles } from './fold-files';
import type { FileInput, InstructionInputs, StageInputs } from './stage-inputs';

let serial = 0;

function stage(changes: Partial<StageInputs> = {}): StageInputs {
  const key = keyOf('test', { serial: serial++ });
  return { stage: 'app', key, images: {}, stages: {}, args: {}, instructions: [], ...changes };
}

function step(text: string, changes: Partial<InstructionInputs> = {}): InstructionInputs {
  return { text, line: 1, hash: text, ...changes };
}

const copy = (...files: readonly FileInput[]): Partial<StageInputs> => ({
  instructions: [step('COPY . .', { files })],
});

test('without an earlier build, and for a stage that none had, there is nothing to compare with', () => {
  assert.deepEqual(explainMiss(stage(), []), [{ kind: 'first-build' }]);
  assert.deepEqual(explainMiss(stage(), [[stage({ stage: 'deps' })]]), [{ kind: 'new-stage' }]);
});

test('the same key without its ref says that the ref is gone', () => {
  const now = stage();
  assert.deepEqual(explainMiss(now, [[stage()], [now]]), [{ kind: 'ref-gone' }]);
});

test('images, arguments and stages that changed are named, what others bring about last', () => {
  const before = stage({ images: { 'node:22': 'a' }, args: { VERSION: '1', OLD: 'x' }, stages: { deps: 'a' } });
  const now = stage({ images: { 'node:22': 'b' }, args: { VERSION: '2', NEW: 'x' }, stages: { deps: 'b' } });
  assert.deepEqual(explainMiss(now, [[before]]), [
    { kind: 'base-image', image: 'node:22', before: 'a', after: 'b' },
    { kind: 'build-arg', name: 'NEW', change: 'added' },
    { kind: 'build-arg', name: 'OLD', change: 'removed' },
    { kind: 'build-arg', name: 'VERSION', change: 'value' },
    { kind: 'stage', stage: 'deps' },
  ]);
});

test('files are compared by path', () => {
  const before = stage(copy(['a', '644', 1, 'x'], ['b', '644', 1, 'x'], ['c', '644', 1, 'x'], ['d', '644', 1, 'x']));
  const now = stage(copy(['a', '644', 1, 'x'], ['b', '644', 1, 'y'], ['c', '755', 1, 'z'], ['e', '644', 1, 'x']));
  assert.deepEqual(
    explainMiss(now, [[before]]).map((cause) => cause.kind === 'file' && `${cause.path} ${cause.change}`),
    ['b content', 'c mode', 'd removed', 'e added'],
  );
});

test('a list that was folded is compared as it is', () => {
  const files: readonly FileInput[] = ['x/1', 'x/2', 'y/1'].map((path) => [path, '644', 1, path]);
  const before = stage(copy(...foldFiles(files, 1)));
  assert.deepEqual(explainMiss(stage(copy(...files)), [[before]]), [{ kind: 'settings' }]);
  const changed = files.map((file): FileInput => (file[0] === 'x/2' ? ['x/2', '644', 1, 'new'] : file));
  assert.deepEqual(
    explainMiss(stage(copy(...changed)), [[before]]).map((cause) => cause.kind === 'file' && cause.path),
    ['x/'],
  );
});

test('instructions are told as changed, added and removed', () => {
  const before = stage({ instructions: [step('RUN a'), step('RUN b'), step('RUN c')] });
  const changed = stage({ instructions: [step('RUN a'), step('RUN B', { line: 7 }), step('RUN c')] });
  assert.deepEqual(explainMiss(changed, [[before]]), [
    { kind: 'instruction', change: 'changed', before: 'RUN b', after: 'RUN B', line: 7 },
  ]);
  const added = stage({ instructions: [step('RUN a'), step('RUN new'), step('RUN b'), step('RUN c')] });
  assert.deepEqual(explainMiss(added, [[before]]), [
    { kind: 'instruction', change: 'added', after: 'RUN new', line: 1 },
  ]);
  const removed = stage({ instructions: [step('RUN a'), step('RUN c')] });
  assert.deepEqual(explainMiss(removed, [[before]]), [{ kind: 'instruction', change: 'removed', before: 'RUN b' }]);
});

test('of several earlier builds, the nearest is compared with', () => {
  const far = stage({ args: { A: '1', B: '1' } });
  const near = stage({ args: { A: '2', B: '1' } });
  assert.deepEqual(explainMiss(stage({ args: { A: '2', B: '2' } }), [[far], [near]]), [
    { kind: 'build-arg', name: 'B', change: 'value' },
  ]);
});

test('what a URL gave is a cause of its own', () => {
  const add = (hash: string) => ({ instructions: [step('ADD x /', { sources: { 'https://x.test/a': hash } })] });
  assert.deepEqual(explainMiss(stage(add('2')), [[stage(add('1'))]]), [
    { kind: 'remote-source', source: 'https://x.test/a' },
  ]);
});
