import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StageRefReport, StageReport } from '../stage-refs/contract';
import { keyOf } from '../stage-refs/field-hash';
import { formatStages } from './stages';

const key = keyOf('test', {});

function stage(name: string, changes: Partial<StageReport> = {}): StageReport {
  return { stage: name, index: 0, key, ref: `r/c:${name}-1`, state: 'present', needed: true, causes: [], ...changes };
}

const report: StageRefReport = {
  outcome: 'built',
  trusted: true,
  imageRef: 'r/c:app-1-image',
  stages: [
    stage('base', { state: 'unneeded', needed: false }),
    stage('tools', { state: 'missing', needed: false }),
    stage('deps'),
    stage('app', {
      state: 'missing',
      causes: [
        { kind: 'file', instruction: 'COPY src /src', line: 4, path: 'src/main.js', change: 'content' },
        { kind: 'build-arg', name: 'VERSION', change: 'added' },
      ],
    }),
  ],
};

test('the table has a line per stage, with the first cause of a miss', () => {
  assert.deepEqual(formatStages(report), [
    'STAGE  CACHE       WHY',
    'tools  not needed',
    'deps   hit',
    'app    miss        src/main.js changed (line 4 COPY src /src) (and 1 more)',
  ]);
});

test('explained, every cause has a line', () => {
  assert.deepEqual(formatStages(report, { explain: true }).slice(4), [
    '  app: src/main.js changed (line 4 COPY src /src)',
    '  app: build argument VERSION was added',
  ]);
});

test('a hit says where the image is, and that nothing was built', () => {
  assert.deepEqual(
    formatStages({ outcome: 'hit', trusted: true, served: 'in-place', imageRef: 'r/c:app-1-image', stages: [] }),
    ['cache: the image is there and the tags point at it already; nothing was built: r/c:app-1-image'],
  );
});

test('a dry run names refs and bytes', () => {
  const plan: StageRefReport = { outcome: 'dry-run', trusted: true, stages: [stage('deps', { bytes: 2_500_000 })] };
  assert.deepEqual(formatStages(plan), [
    'STAGE  CACHE  WHY   BYTES  REF',
    'deps   hit         2.5 MB  r/c:deps-1',
    'dry run: a build would be needed; nothing was built',
  ]);
});
