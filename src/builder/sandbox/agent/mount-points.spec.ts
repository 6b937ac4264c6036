import assert from 'node:assert/strict';
import { lstatSync, utimesSync } from 'node:fs';
import { test } from 'node:test';
import { TemporaryDirectory } from '../../../testing/temporary-directory';
import { keepParentTimes, timeArgument } from './mount-points';

test('a time that is read and set again and again stays what it was, to a microsecond', async () => {
  await using directory = await TemporaryDirectory.create();
  for (let sample = 0n; sample < 200n; sample++) {
    const wanted = 1_700_000_000_000_000_000n + sample * 4_999_979n + 999n;
    utimesSync(directory.path, 0, timeArgument(wanted));
    for (let times = 0; times < 8; times++) keepParentTimes(directory.path, 'entry', () => undefined);
    const apart = wanted - lstatSync(directory.path, { bigint: true }).mtimeNs;
    assert.ok(apart < 1000n && apart > -1000n, `${wanted} became ${wanted - apart}`);
  }
});

test('whole seconds stay exact', async () => {
  await using directory = await TemporaryDirectory.create();
  for (const wanted of [0n, 1n, 1_700_000_000n, 4_000_000_001n]) {
    utimesSync(directory.path, 0, timeArgument(wanted * 1_000_000_000n));
    assert.equal(lstatSync(directory.path, { bigint: true }).mtimeNs, wanted * 1_000_000_000n);
  }
});
