import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { SingleFlight } from './single-flight';

test('whoever asks while it runs gets the same result, later ones a new one', async () => {
  const flights = new SingleFlight<number>();
  let runs = 0;
  const task = async (): Promise<number> => {
    await sleep(5);
    return ++runs;
  };
  assert.deepEqual(
    await Promise.all([flights.run('a', task), flights.run('a', task), flights.run('b', task)]),
    [1, 1, 2],
  );
  assert.equal(await flights.run('a', task), 3);
});

test('one who leaves does not take the others along; the last one does', async () => {
  const flights = new SingleFlight<string>();
  const leaver = new AbortController();
  let aborted = false;
  const task = async (signal: AbortSignal): Promise<string> => {
    signal.addEventListener('abort', () => (aborted = true));
    await sleep(20);
    return 'done';
  };
  const left = flights.run('a', task, leaver.signal);
  const stayed = flights.run('a', task);
  leaver.abort(new Error('bye'));
  await assert.rejects(left, { message: 'bye' });
  assert.equal(aborted, false);
  assert.equal(await stayed, 'done');

  const alone = new AbortController();
  aborted = false;
  const run = flights.run('a', task, alone.signal);
  alone.abort(new Error('bye'));
  await assert.rejects(run, { message: 'bye' });
  assert.equal(aborted, true);
});

test('a failure reaches all who wait, and is not kept', async () => {
  const flights = new SingleFlight<string>();
  const fail = (): Promise<string> => Promise.reject(new Error('no'));
  const results = await Promise.allSettled([flights.run('a', fail), flights.run('a', fail)]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  assert.equal(await flights.run('a', () => Promise.resolve('yes')), 'yes');
});
