import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseChmod } from './copy-options';

test('permissions: octal, symbolic, or those of the source', () => {
  assert.deepEqual(parseChmod(''), { ok: true, mode: -1 });
  assert.deepEqual(parseChmod('0'), { ok: true, mode: 0 });
  assert.deepEqual(parseChmod('07777'), { ok: true, mode: 0o7777 });
  for (const symbolic of ['u+x', '+x', 'a=rX', 'u=rwx,g-w,o=', 'u=g', 'ug+s,+t', 'u+x-w']) {
    assert.deepEqual(parseChmod(symbolic), { ok: true, mode: 0, modeString: symbolic });
  }
  for (const bad of ['10000', '8', '0o755', 'rwx', 'u', 'u+x,', '-755']) assert.equal(parseChmod(bad).ok, false, bad);
});
