import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinSplitAttributes } from './split-attributes';

test('what Nx cut at commas is one element again', () => {
  const options = {
    cacheTo: ['type=registry', 'ref=r.example/c:1', 'mode=max', 'type=local', 'dest=out'],
    outputs: ['type=oci', 'tar=false', 'dest=image', 'type=tar', 'dest=files'],
    secrets: ['id=a', 'src=.npmrc', 'id=b', 'env=B'],
  };
  assert.deepEqual(joinSplitAttributes(options), {
    cacheTo: ['type=registry,ref=r.example/c:1,mode=max', 'type=local,dest=out'],
    outputs: ['type=oci,tar=false,dest=image', 'type=tar,dest=files'],
    secrets: ['id=a,src=.npmrc', 'id=b,env=B'],
  });
});

test('whole elements, shorthands and objects stay as they are', () => {
  const options = {
    cacheFrom: ['r.example/c:1', 'type=registry,ref=r.example/c:2', { type: 'registry', ref: 'r.example/c:3' }],
    outputs: ['out', 'type=tar,dest=x'],
    secrets: ['src=.npmrc'],
    tags: ['a', 'b'],
  };
  assert.deepEqual(joinSplitAttributes(options), options);
});
