import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { ExecMount, ExecOperation, FileOperation, MkdirAction } from '../llb/operation';
import { digestOf } from '../oci/digest';
import { execCacheMap } from './cache-map-exec';
import { fileCacheMap } from './cache-map-file';
import { chainIdKey, gitKey, httpKey, imageKey } from './cache-map-source';
import { goJson, omitEmpty } from './go-json';

const root: ExecMount = { type: 'bind', input: 0, selector: '', dest: '/', output: 0, readOnly: false };
const run: ExecOperation = {
  kind: 'exec',
  args: ['sh'],
  env: ['A=<b>'],
  cwd: '/',
  user: '',
  extraHosts: [],
  mounts: [root],
  network: 'default',
  security: 'sandbox',
  secretEnv: [],
  platform: { os: 'linux', architecture: 'amd64' },
};

const keyOf = (change: Partial<ExecOperation>, inputs = 1) => execCacheMap({ ...run, ...change }, inputs).digest;
const cacheMount = (id: string, sharing: 'shared' | 'locked' = 'shared'): ExecMount => ({
  ...root,
  type: 'cache',
  input: -1,
  dest: '/c',
  output: -1,
  cache: { id, sharing },
});

test('what must not matter for a RUN does not', () => {
  const proxyEnv = { httpProxy: 'http://p', httpsProxy: '', ftpProxy: '', noProxy: '', allProxy: '' };
  assert.equal(keyOf({ proxyEnv }), keyOf({}));
  assert.equal(
    keyOf({ extraHosts: [{ host: 'h', ip: '1.2.3.4' }] }),
    keyOf({ extraHosts: [{ host: 'h', ip: '5.6.7.8' }] }),
  );
  assert.equal(keyOf({ mounts: [{ ...root, selector: '/x' }] }), keyOf({}));
  const named = (id: string, sharing?: 'shared' | 'locked') => keyOf({ mounts: [root, cacheMount(id, sharing)] });
  assert.equal(named('mine'), named('yours'));
  assert.equal(named('mine'), named('mine', 'locked'));
});

test('what matters for a RUN does', () => {
  const changes: Partial<ExecOperation>[] = [
    {},
    { args: ['sh', '-c'] },
    { env: [] },
    { cwd: '/x' },
    { user: 'u' },
    { extraHosts: [{ host: 'h', ip: '1.2.3.4' }] },
    { hostname: 'h' },
    { ulimits: [{ name: 'nofile', soft: 1, hard: 2 }] },
    { cgroupParent: 'c' },
    { validExitCodes: [0, 1] },
    { network: 'none' },
    { network: 'host' },
    { security: 'insecure' },
    { secretEnv: [{ id: 's', name: 'S', optional: false }] },
    { platform: { os: 'linux', architecture: 'arm', variant: 'v7' } },
    { mounts: [{ ...root, readOnly: true }] },
    { mounts: [root, cacheMount('mine')] },
    { mounts: [root, cacheMount('/c')] },
    { mounts: [root, cacheMount('ns//c')] },
    { mounts: [root, { ...root, type: 'tmpfs', input: -1, dest: '/t', output: -1, tmpfs: { sizeBytes: 1 } }] },
  ];
  assert.equal(new Set(changes.map((change) => keyOf(change))).size, changes.length);
});

test('a mount is keyed by content where nothing of its source can get into the result unseen', () => {
  const mounted = (change: Partial<ExecMount>) =>
    execCacheMap({ ...run, mounts: [root, { ...root, input: 1, dest: '/m', output: -1, ...change }] }, 2).inputs;
  assert.deepEqual(mounted({ selector: 'a/b' })[0], { selector: digestOf('/') });
  assert.deepEqual(mounted({ selector: 'a/b/' })[1]?.selector, digestOf('/a/b'));
  assert.deepEqual(
    mounted({ selector: 'a' })[1]?.content?.map(({ path, followLinks }) => ({ path, followLinks })),
    [{ path: '/a', followLinks: true }],
  );
  assert.deepEqual(
    mounted({})[1]?.content?.map(({ path, followLinks }) => ({ path, followLinks })),
    [{ path: '', followLinks: false }],
  );
  assert.equal(mounted({ selector: 'a', output: 1 })[1]?.content, undefined);
  assert.ok(mounted({ selector: 'a', output: 1, readOnly: true })[1]?.content);
  assert.deepEqual(mounted({ type: 'secret' })[1], {});
});

test('indexes of actions count only where they are unusual', () => {
  const mkdir: MkdirAction = {
    kind: 'mkdir',
    path: '/a',
    mode: 0o755,
    makeParents: false,
    timestamp: -1n,
    input: 0,
    secondaryInput: -1,
    output: 0,
  };
  const key = (...actions: MkdirAction[]) => fileCacheMap({ kind: 'file', actions } satisfies FileOperation, 1).digest;
  const chain = [
    { ...mkdir, output: -1 },
    { ...mkdir, input: 2 },
  ] as const;
  assert.notEqual(key(mkdir), key({ ...mkdir, input: -1 }));
  assert.notEqual(key(...chain), key(chain[0], { ...chain[1], input: 1 }));
});

test('sources', () => {
  const manifest = { mediaType: 'm', digest: digestOf('m'), size: 1 };
  const platform = { os: 'linux', architecture: 'arm', variant: 'v7' };
  const json = `{"Digest":"${manifest.digest}","OS":"linux","Arch":"arm","Variant":"v7"}`;
  assert.equal(imageKey({ manifest, platform }), digestOf(json));
  const [a, b] = [digestOf('a'), digestOf('b')];
  assert.equal(chainIdKey([]), undefined);
  assert.equal(chainIdKey([a]), a);
  assert.equal(chainIdKey([a, b]), digestOf(`${a} ${b}`));
  const http = { kind: 'http', url: 'https://x/f', filename: 'f', mode: 0o600 } as const;
  assert.equal(
    httpKey(http, { digest: a, filename: 'f', lastModified: 'Mon, 02 Jan 2006 15:04:05 GMT' }),
    digestOf(
      `{"Filename":"f","Perm":384,"UID":0,"GID":0,"Checksum":"${a}","LastModTime":"Mon, 02 Jan 2006 15:04:05 GMT"}`,
    ),
  );
  const git = { kind: 'git', url: 'https://x', keepGitDir: true, subdirectory: 'd' } as const;
  assert.equal(gitKey(git, { commit: 'c0', ref: 'refs/heads/main' }), 'c0.git#refs/heads/main:d');
  assert.equal(gitKey({ ...git, keepGitDir: false }, { commit: 'c0', ref: 'refs/heads/main' }), 'c0:d');
});

test("Go's JSON: escapes, bytes, what is left out", () => {
  assert.equal(
    goJson({ a: '<>&\u2028\u2029"\\\n\b\u0001\u007f/é', b: undefined }),
    String.raw`{"a":"\u003c\u003e\u0026\u2028\u2029\"\\\n\b\u0001${'\u007f'}/é"}`,
  );
  assert.equal(goJson('\udcff\ud800x\u{1f600}'), String.raw`"\ufffd\ufffdx${'\u{1f600}'}"`);
  assert.equal(goJson([Buffer.from('<>'), 1, -1n, true, null]), '["PD4=",1,-1,true,null]');
  assert.deepEqual(
    ['', 0, 0n, false, [], Buffer.alloc(0), null].map((value) => omitEmpty(value)),
    Array(7).fill(undefined),
  );
  assert.throws(() => goJson(1.5));
});

test("Go's JSON is JSON", () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      assert.equal(JSON.parse(goJson(text)), text);
    }),
  );
});
