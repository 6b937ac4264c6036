import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SharedTask } from './shared-task';

test('work is done once for all who ask, and its result is kept', async () => {
  let runs = 0;
  const task = new SharedTask(() => Promise.resolve(++runs));
  assert.deepEqual(await Promise.all([task.run(), task.run()]), [1, 1]);
  assert.equal(await task.run(), 1);
});

test('one waiter that gives up leaves the others alone; when the last one does, the work is aborted', async () => {
  const signals: AbortSignal[] = [];
  const task = new SharedTask(async (signal) => {
    signals.push(signal);
    await sleep(20, undefined, { signal });
    return 'done';
  });
  const leaving = new AbortController();
  const left = task.run({ signal: leaving.signal });
  const stayed = task.run();
  leaving.abort(new Error('leaving'));
  await assert.rejects(left, /leaving/);
  assert.equal(await stayed, 'done');
  const lonely = new SharedTask((signal) => sleep(10_000, undefined, { signal }));
  const only = new AbortController();
  const waiting = lonely.run({ signal: only.signal });
  only.abort(new Error('stop'));
  await assert.rejects(waiting, /stop/);
});

test('a failure is not kept', async () => {
  let runs = 0;
  const task = new SharedTask(() => (++runs === 1 ? Promise.reject(new Error('first')) : Promise.resolve(runs)));
  await assert.rejects(task.run(), /first/);
  assert.equal(await task.run(), 2);
});
