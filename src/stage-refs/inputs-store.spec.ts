import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { MemoryStore } from '../content/memory-store';
import { keyOf } from './field-hash';
import { readInputs, writeInputs } from './inputs-store';
import type { FileInput, StageInputs } from './stage-inputs';

function build(name: string, files: readonly FileInput[] = []): readonly StageInputs[] {
  return [
    {
      stage: 'app',
      key: keyOf('test', { name }),
      images: {},
      stages: {},
      args: {},
      instructions: [{ text: 'COPY . .', line: 2, hash: 'x', files }],
    },
  ];
}

test('the latest four builds are read, newest first, each once', async () => {
  const store = new MemoryStore('registry');
  for (const name of ['1', '2', '3', '2', '4', '5']) {
    const { layers } = await readInputs(store, 'inputs', {});
    await writeInputs(store, 'inputs', { stages: build(name), earlier: layers });
  }
  const { builds } = await readInputs(store, 'inputs', {});
  assert.deepEqual(
    builds,
    ['5', '4', '2', '3'].map((name) => build(name)),
  );
});

test('a build of very many files is remembered by directories', async () => {
  const store = new MemoryStore('registry');
  const files = Array.from({ length: 60_000 }, (_, index): FileInput => [
    `d${index % 30}/e/f/g/h/i/${index}`,
    '644',
    1,
    randomBytes(8).toString('hex'),
  ]);
  await writeInputs(store, 'inputs', { stages: build('1', files), earlier: [] });
  const { builds, layers } = await readInputs(store, 'inputs', {});
  assert.ok((layers[0]?.size ?? 0) < 512 * 1024);
  const listed = builds[0]?.[0]?.instructions[0]?.files ?? [];
  assert.ok(listed.length >= 30 && listed.length < 1000, String(listed.length));
  assert.ok(listed.every(([path]) => path.endsWith('/')));
});

test('what cannot be read is passed over', async () => {
  const store = new MemoryStore('registry');
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  assert.deepEqual(await readInputs(store, 'inputs', {}), { builds: [], layers: [] });
  await writeInputs(store, 'inputs', { stages: build('1'), earlier: [] });
  const { layers } = await readInputs(store, 'inputs', {});
  for (const layer of layers) await store.deleteBlob(layer);
  assert.deepEqual((await readInputs(store, 'inputs', {})).builds, []);
  await store
    .putManifest({ mediaType, bytes: Buffer.from('{"schemaVersion":2}') }, { tag: 'bad' })
    .catch(() => undefined);
  assert.deepEqual((await readInputs(store, 'bad', {})).builds, []);
});
