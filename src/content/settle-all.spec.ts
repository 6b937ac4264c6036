import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { settleAll } from './settle-all';

test('a failure comes out only when the others have ended, too', async () => {
  const ended: string[] = [];
  const slow = async (): Promise<void> => {
    await sleep(20);
    ended.push('slow');
  };
  const failed = settleAll([Promise.reject(new Error('first')), slow(), Promise.reject(new Error('second'))]);
  await assert.rejects(failed, { message: 'first' });
  assert.deepEqual(ended, ['slow']);
  assert.deepEqual(await settleAll([Promise.resolve(1), Promise.resolve(2)]), [1, 2]);
});
