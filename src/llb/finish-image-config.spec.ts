import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../oci/digest';
import type { HistoryEntry, ImageConfig } from '../oci/image-config';
import { finishImageConfig } from './finish-image-config';

const layers = [
  { diffId: digestOf('one'), createdAt: '2024-01-01T00:00:00Z', description: 'COPY a' },
  { diffId: digestOf('two'), createdAt: '2024-01-02T00:00:00Z', description: 'COPY b' },
];

function draft(history: readonly HistoryEntry[], more: Partial<ImageConfig> = {}): ImageConfig {
  return { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] }, history, ...more };
}

test('layers give their time to the entries that have one, and those to the rest', () => {
  const history = [
    { created_by: 'base', created: '2020-01-01T00:00:00Z' },
    { created_by: 'ENV', empty_layer: true },
    { created_by: 'COPY' },
    { created_by: 'CMD', empty_layer: true },
  ];
  const finished = finishImageConfig(draft(history), { layers });
  assert.deepEqual(finished.history, [
    { created: '2020-01-01T00:00:00Z', created_by: 'base' },
    { created: '2024-01-02T00:00:00Z', created_by: 'ENV', empty_layer: true },
    { created: '2024-01-02T00:00:00Z', created_by: 'COPY' },
    { created: '2024-01-02T00:00:00Z', created_by: 'CMD', empty_layer: true },
  ]);
  assert.equal(finished.created, '2024-01-02T00:00:00Z');
  assert.deepEqual(
    finished.rootfs.diff_ids,
    layers.map((layer) => layer.diffId),
  );
});

test('metadata alone on a base keeps the time of the base', () => {
  const history = [
    { created_by: 'base', created: '2020-01-01T00:00:00Z' },
    { created_by: 'ENV', empty_layer: true },
  ];
  const finished = finishImageConfig(draft(history), { layers: layers.slice(0, 1) });
  assert.equal(finished.history?.[1]?.created, '2020-01-01T00:00:00Z');
});

test('layers that no entry accounts for get one, and entries beyond the layers are empty', () => {
  const more = finishImageConfig(draft([{ created_by: 'COPY a' }]), { layers });
  assert.deepEqual(more.history?.[1], {
    created: '2024-01-02T00:00:00Z',
    created_by: 'COPY b',
    comment: 'buildkit.exporter.image.v0',
  });
  const fewer = finishImageConfig(draft([{ created_by: 'a' }, { created_by: 'b' }]), { layers: layers.slice(0, 1) });
  assert.deepEqual(
    fewer.history?.map((entry) => entry.empty_layer ?? false),
    [false, true],
  );
});

test('SOURCE_DATE_EPOCH caps all times but those of the base image', () => {
  const inherited = { created_by: 'base', created: '2024-06-01T00:00:00Z' };
  const finished = finishImageConfig(draft([inherited, { created_by: 'COPY' }]), {
    layers,
    sourceDateEpoch: 0,
    created: '2024-02-01T00:00:00Z',
    baseImage: draft([inherited]),
  });
  assert.deepEqual(
    finished.history?.map((entry) => entry.created),
    ['2024-06-01T00:00:00Z', '1970-01-01T00:00:00Z'],
  );
  assert.equal(finished.created, '1970-01-01T00:00:00Z');
});

test("keys are in Go's order, what is empty is left out, maps are sorted", () => {
  const config = {
    Shell: ['s'],
    OnBuild: [],
    Labels: { b: '1', a: '2' },
    Cmd: [],
    Env: ['A=1'],
    User: '',
    ArgsEscaped: true,
    ExposedPorts: { '80/tcp': {}, '443/tcp': {} },
  };
  const text = JSON.stringify(finishImageConfig(draft([], { config, author: 'me', variant: '' }), { layers: [] }));
  assert.equal(
    text,
    '{"architecture":"amd64","author":"me","config":{"ExposedPorts":{"443/tcp":{},"80/tcp":{}},"Env":["A=1"],' +
      '"Labels":{"a":"2","b":"1"},"ArgsEscaped":true,"Shell":["s"]},"history":[],"os":"linux",' +
      '"rootfs":{"type":"layers","diff_ids":[]}}',
  );
});
