import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Limiter } from './limiter';

test('no more tasks run than there are slots, and they start in order', async () => {
  const limiter = new Limiter(2);
  const started: number[] = [];
  let running = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 9 }, (_, index) =>
      limiter.run(async () => {
        started.push(index);
        most = Math.max(most, ++running);
        await sleep(index % 3);
        running--;
      }),
    ),
  );
  assert.equal(most, 2);
  assert.deepEqual(started, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test('a task that fails gives its slot back', async () => {
  const limiter = new Limiter(1);
  await assert.rejects(limiter.run(() => Promise.reject(new Error('no'))));
  assert.equal(await limiter.run(() => Promise.resolve('next')), 'next');
});

test('a freed slot goes to who waits, not to a newcomer', async () => {
  const limiter = new Limiter(1);
  const order: string[] = [];
  const first = limiter.run(() => Promise.resolve(order.push('first')));
  const second = limiter.run(() => Promise.resolve(order.push('second')));
  await first;
  await Promise.all([second, limiter.run(() => Promise.resolve(order.push('newcomer')))]);
  assert.deepEqual(order, ['first', 'second', 'newcomer']);
});

test('an abort leaves the line with its reason and lets the others go on', async () => {
  const limiter = new Limiter(1);
  const abort = new AbortController();
  const holding = limiter.run(() => sleep(20));
  const leaving = limiter.run(() => Promise.reject(new Error('it ran')), abort.signal);
  const staying = limiter.run(() => Promise.resolve('ran'));
  const reason = new Error('enough');
  abort.abort(reason);
  await assert.rejects(leaving, (error) => error === reason);
  await holding;
  assert.equal(await staying, 'ran');
  await assert.rejects(
    limiter.run(() => Promise.resolve(), abort.signal),
    (error) => error === reason,
  );
});

test('a limiter without slots is a mistake', () => {
  assert.throws(() => new Limiter(0), RangeError);
});
