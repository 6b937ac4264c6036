import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttributesOption } from './docker-build-options';
import { rejoinSplitOptions, rejoinTexts } from './split-texts';

const cases: readonly (readonly [string, readonly AttributesOption[], readonly AttributesOption[]])[] = [
  ['one text that Nx split', ['type=registry', 'ref=a', 'mode=max'], ['type=registry,ref=a,mode=max']],
  ['two of them', ['type=registry', 'ref=a', 'type=registry', 'ref=b'], ['type=registry,ref=a', 'type=registry,ref=b']],
  [
    'another order',
    ['ref=a', 'type=registry', 'ref=b', 'type=registry'],
    ['ref=a,type=registry', 'ref=b,type=registry'],
  ],
  ['whole texts', ['type=registry,ref=a', 'type=local,dest=b'], ['type=registry,ref=a', 'type=local,dest=b']],
  ['references', ['a', 'b:1'], ['a', 'b:1']],
  ['inline caches', ['type=inline', 'type=registry,ref=a'], ['type=inline', 'type=registry,ref=a']],
  [
    'objects',
    [{ type: 'inline' }, 'mode=max', { type: 'inline' }],
    [{ type: 'inline' }, 'mode=max', { type: 'inline' }],
  ],
];

for (const [name, given, expected] of cases) {
  test(`${name}: ${JSON.stringify(given)}`, () => assert.deepEqual(rejoinTexts(given), expected));
}

test('all options of a build that Nx may have split', () => {
  const options = {
    cacheTo: ['type=registry', 'ref=r.example/c:1', 'mode=max', 'type=local', 'dest=out'],
    outputs: ['type=oci', 'tar=false', 'dest=image', 'type=tar', 'dest=files', 'out'],
    secrets: ['id=a', 'src=.npmrc', 'id=b', 'env=B'],
    tags: ['a', 'b'],
  };
  assert.deepEqual(rejoinSplitOptions(options), {
    cacheTo: ['type=registry,ref=r.example/c:1,mode=max', 'type=local,dest=out'],
    outputs: ['type=oci,tar=false,dest=image', 'type=tar,dest=files', 'out'],
    secrets: ['id=a,src=.npmrc', 'id=b,env=B'],
    tags: ['a', 'b'],
  });
});
