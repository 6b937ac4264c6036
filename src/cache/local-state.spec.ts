import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { digestOf } from '../oci/digest';
import { TemporaryDirectory } from '../testing/temporary-directory';
import type { ExportableRecord } from './exportable-record';
import { LocalState } from './local-state';

const listDiffIds = (layers: readonly string[]) => layers.map((name) => digestOf(name));

function build(name: string, layers: readonly string[]): ExportableRecord<readonly string[]> {
  const image: ExportableRecord<readonly string[]> = { digest: digestOf('image'), inputs: [] };
  return {
    digest: digestOf(name),
    inputs: [[{ record: image }]],
    result: { createdAt: '2026-01-02T03:04:05Z', origin: { kind: 'result', result: layers } },
  };
}

test('a build is remembered by the diffIDs of its layers', async () => {
  await using directory = await TemporaryDirectory.create();
  const path = directory.join('state');
  assert.deepEqual((await new LocalState(path).load()).find(digestOf('a')), []);
  await new LocalState(path).save([build('a', ['1', '2'])], { listDiffIds, now: 1e12 });
  const [record] = (await new LocalState(path).load()).find(digestOf('a'));
  assert.deepEqual(record?.results[0]?.open(), { kind: 'layers', diffIds: [digestOf('1'), digestOf('2')] });
});

test('the same build again is the same file, other builds stay', async () => {
  await using directory = await TemporaryDirectory.create();
  const state = new LocalState(directory.path);
  for (const name of ['a', 'b', 'a']) await state.save([build(name, ['1'])], { listDiffIds, now: 1e12 });
  assert.equal((await readdir(directory.path)).filter((name) => name.endsWith('.json')).length, 2);
  const source = await state.load();
  assert.equal(source.find(digestOf('a')).length, 1);
  assert.equal(source.find(digestOf('b')).length, 1);
});

test('the builds that were not seen for longest are forgotten', async () => {
  await using directory = await TemporaryDirectory.create();
  const state = new LocalState(directory.path);
  const count = 515;
  for (let index = 0; index < count; index++) {
    await state.save([build(`step ${index}`, ['1'])], { listDiffIds, now: 1e12 + index * 1000 });
  }
  const source = await state.load();
  assert.equal(source.find(digestOf('step 0')).length, 0);
  assert.equal(source.find(digestOf('step 3')).length, 1);
});

test('writers at the same time lose nothing, and a broken file hides no other', async () => {
  await using directory = await TemporaryDirectory.create();
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      new LocalState(directory.path).save([build(`step ${index % 10}`, ['1'])], { listDiffIds, now: 1e12 }),
    ),
  );
  await writeFile(directory.join('broken.json'), '{"records":[{}]}');
  const source = await new LocalState(directory.path).load();
  for (let index = 0; index < 10; index++) assert.equal(source.find(digestOf(`step ${index}`)).length, 1);
});
