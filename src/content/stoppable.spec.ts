import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stoppable } from './stoppable';

test('it ends with the caller, and the caller does not end with it', () => {
  const caller = new AbortController();
  const first = stoppable(caller.signal);
  const second = stoppable(caller.signal);
  first.stop(new Error('one part failed'));
  assert.equal(first.signal.aborted, true);
  assert.deepEqual([second.signal.aborted, caller.signal.aborted], [false, false]);
  caller.abort(new Error('enough'));
  assert.equal(second.signal.reason, caller.signal.reason);
});

test('many parts may listen without a warning', async (t) => {
  const warnings: Error[] = [];
  const listen = (warning: Error): void => void warnings.push(warning);
  process.on('warning', listen);
  t.after(() => process.off('warning', listen));
  const { signal } = stoppable();
  for (let part = 0; part < 20; part++) signal.addEventListener('abort', () => undefined);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(warnings, []);
});
