import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAnnotations } from './annotations';
import { Mistakes } from './mistakes';

const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64' };
const image = { type: 'image', push: true, ociMediaTypes: true } as const;
const both = { platforms: [amd64, arm64], outputs: [image], hasAttestations: false };

function read(option: Parameters<typeof readAnnotations>[0], options = both) {
  const mistakes = new Mistakes();
  const found = readAnnotations(option, options, mistakes);
  const lines = mistakes.diagnostics.map(({ code, location, message }) => `${location?.file} ${code} ${message}`);
  return { ...found, lines };
}

test('a key stands for the manifest, and a place before a colon for itself', () => {
  assert.deepEqual(
    read({
      a: 1,
      'manifest:b': true,
      'index:c': 'x=y',
      'manifest-descriptor[linux/aarch64],index-descriptor:d:e': 'z',
    }),
    {
      annotations: { a: '1', b: 'true' },
      placedAnnotations: [
        { place: 'index', key: 'c', value: 'x=y' },
        { place: 'manifest-descriptor', platform: arm64, key: 'd:e', value: 'z' },
        { place: 'index-descriptor', key: 'd:e', value: 'z' },
      ],
      lines: [],
    },
  );
});

test('a list says the same as an object', () => {
  assert.deepEqual(read(['a=1', 'manifest:b=true', 'manifest[linux/amd64]:c=x=y', 'd=']), {
    annotations: { a: '1', b: 'true', d: '' },
    placedAnnotations: [{ place: 'manifest', platform: amd64, key: 'c', value: 'x=y' }],
    lines: [],
  });
});

test('all mistakes are told at once, before the build', () => {
  const { lines } = read([
    ...['a', '=1', 'index:=1', 'indx:a=1', 'com.example:a=1', 'manifest[linux/s390x]:a=1', 'manifest[linux]:a=1'],
    'index[linux/amd64]:a=1',
  ]);
  assert.deepEqual(lines, [
    'annotations[0] OPTION_INVALID "a" is not KEY=value',
    'annotations[1] OPTION_INVALID the name of an annotation is empty',
    'annotations[2] OPTION_INVALID the name of an annotation is empty',
    'annotations[3] OPTION_UNKNOWN_WORD unknown place of an annotation "indx"',
    'annotations[4] OPTION_INVALID "com.example" is no place of an annotation',
    'annotations[5] OPTION_INVALID no image is built for linux/s390x',
    'annotations[6] OPTION_INVALID "linux" needs both, as in linux/amd64',
    'annotations[7] OPTION_INVALID index is for all platforms',
  ]);
});

test('an index has to be there, and Docker media types have annotations of manifests only', () => {
  const one = { ...both, platforms: [amd64] };
  assert.deepEqual(read({ 'index:a': 1 }, one).lines, [
    'annotations OPTION_CONFLICT the image of one platform has no index that index could be of',
  ]);
  assert.deepEqual(read({ 'index:a': 1 }, { ...one, hasAttestations: true }).lines, []);
  const docker = { ...both, outputs: [{ ...image, ociMediaTypes: false }] };
  assert.deepEqual(read({ 'index:a': 1, b: 2 }, docker as unknown as typeof both).lines, [
    "annotations OPTION_CONFLICT Docker's media types, as an output asks for them, know no annotations of index",
  ]);
});
