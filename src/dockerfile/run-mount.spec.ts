import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunMount } from './ast';
import { processWord } from './expand';
import { parseRunMount, resolveRunMount } from './run-mount';

test('every type and attribute', () => {
  const cases: readonly (readonly [string, Omit<RunMount, 'text'>])[] = [
    ['target=/a', { type: 'bind', target: '/a' }],
    ['type=bind,from=x,src=/s,dst=/d,rw', { type: 'bind', from: 'x', source: '/s', target: '/d', readOnly: false }],
    ['type=bind,source=a,destination=b,readonly=1', { type: 'bind', source: 'a', target: 'b', readOnly: true }],
    [
      'TYPE=Cache,id=i,target=/c,sharing=Locked,mode=0750,uid=1,gid=2,ro',
      { type: 'cache', id: 'i', target: '/c', sharing: 'locked', mode: 0o750, uid: 1, gid: 2, readOnly: true },
    ],
    ['type=tmpfs,target=/t,size=64m', { type: 'tmpfs', target: '/t', sizeBytes: 64 * 2 ** 20 }],
    ['type=secret,id=s,env=TOKEN,required', { type: 'secret', id: 's', env: 'TOKEN', required: true }],
    ['type=ssh,required=false', { type: 'ssh', required: false }],
    ['"target=/a,b"', { type: 'bind', target: '/a,b' }],
  ];
  for (const [text, expected] of cases) {
    assert.deepEqual(parseRunMount(text), { mount: { ...expected, text }, problems: [] }, text);
  }
});

test('values with variables wait for them', () => {
  const { mount, problems } = parseRunMount('type=$T,target=/c/$APP,uid=$ID,sharing=$S');
  assert.deepEqual(problems, []);
  assert.deepEqual(mount, { type: 'bind', target: '/c/$APP', text: mount.text });
  const variables = new Map(Object.entries({ T: 'cache', APP: 'api', ID: '7', S: 'private' }));
  const resolved = resolveRunMount(mount, (value) => processWord(value, variables));
  assert.deepEqual(resolved.problems, []);
  assert.deepEqual(resolved.mount, { type: 'cache', target: '/c/api', uid: 7, sharing: 'private', text: mount.text });
  const wrong = resolveRunMount(mount, (value) => processWord(value, new Map([...variables, ['ID', 'root']])));
  assert.match(wrong.problems[0]?.message ?? '', /"root" is no valid uid/);
});

test('each mistake has its message and place', () => {
  const cases: readonly (readonly [string, RegExp, number])[] = [
    ['type=bind,target', /needs a value/, 10],
    ['a"b', /quote/, 1],
    ['from=$X,target=/a', /takes no variables/, 0],
    ['target=/a,required', /no attribute of a mount of type bind/, 10],
    ['type=cache,size=1m,target=/a', /"size" is no attribute/, 11],
    ['type=bind,uid=1,target=/a', /"uid" is no attribute/, 0],
    ['type=bind,sharing=locked,target=/a', /"sharing" is no attribute/, 0],
    ['type=cache,mode=9,target=/a', /"9" is no valid mode/, 11],
    ['type=cache,gid=4294967296,target=/a', /no valid gid/, 11],
    ['ro=maybe,target=/a', /no valid readonly/, 0],
    ['type=secret', /needs an id/, 0],
    ['type=secret,id=a,source=b', /not both/, 0],
    ['type=secret,id=a,from=b', /"from" is no attribute/, 0],
    ['type=tmpfs,target=/a,size=big', /no valid size/, 21],
    ['sharing=loked', /sharing of --mount: shared/, 0],
  ];
  for (const [text, message, offset] of cases) {
    const { problems } = parseRunMount(text);
    assert.equal(problems.length, 1, text);
    assert.match(problems[0]?.message ?? '', message, text);
    assert.equal(problems[0]?.offset, offset, text);
  }
});
