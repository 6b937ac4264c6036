import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCodedError } from '../diagnostics/coded-error';
import { digestOf } from './digest';
import { maxImageConfigBytes, parseImageConfig } from './parse-image-config';

const minimal = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [digestOf('a')] } };
const parse = (change: object) => parseImageConfig(Buffer.from(JSON.stringify({ ...minimal, ...change })));

test('an image config keeps what it does not know and drops what is null', () => {
  const config = parse({ 'moby.buildkit.cache.v0': 'e30=', history: null, config: { Cmd: null, Env: ['A=1'], X: 1 } });
  assert.deepEqual(config, { ...minimal, 'moby.buildkit.cache.v0': 'e30=', config: { Env: ['A=1'], X: 1 } });
});

test('an image without layers has none', () => {
  assert.deepEqual(parse({ rootfs: { type: 'layers', diff_ids: null } }).rootfs.diff_ids, []);
});

const refused: readonly (readonly [name: string, change: object, reason: RegExp])[] = [
  ['no os', { os: undefined }, /os is missing/],
  ['an architecture that is a number', { architecture: 64 }, /not a string/],
  ['no rootfs', { rootfs: undefined }, /rootfs is not an object/],
  ['a rootfs of another type', { rootfs: { type: 'x', diff_ids: [] } }, /not "layers"/],
  ['a diffID that is no digest', { rootfs: { type: 'layers', diff_ids: ['sha256:x'] } }, /digests/],
  ['an environment that is text', { config: { Env: 'A=1' } }, /not an array/],
  ['an entry point of numbers', { config: { Entrypoint: [1] } }, /array of strings/],
  ['labels that are no strings', { config: { Labels: { a: {} } } }, /map of strings/],
  ['a history of strings', { history: ['x'] }, /history\[0\] is not an object/],
  ['an empty_layer that is text', { history: [{ empty_layer: 'yes' }] }, /not a boolean/],
];

for (const [name, change, reason] of refused) {
  test(`an image config with ${name} is refused`, () => {
    assert.throws(
      () => parse(change),
      (error) => isCodedError(error, 'IMAGE_CONFIG_INVALID') && reason.test(error.detail.reason),
    );
  });
}

test('an image config that is too large is refused before it is read', () => {
  assert.throws(() => parseImageConfig(Buffer.alloc(maxImageConfigBytes + 1)), /more than/);
});
