import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseCodec } from './codec-table';
import { compressionTypes } from './contract';
import { compressionOfMediaType, mediaTypeOfCompression } from './layer-types';
import { effectiveLevel, validateCompressionLevel } from './levels';

const small = { parallelism: 2, nativeZstd: true };
const large = { parallelism: 8, nativeZstd: true };
const old = { parallelism: 2, nativeZstd: false };

test('the codec follows the type, the machine and the Node', () => {
  const choose = (type: 'gzip' | 'estargz' | 'zstd', reproducible: boolean, environment: typeof small): string => {
    const { codec, lane } = chooseCodec({ type, reproducible }, environment);
    return `${codec} on ${lane}`;
  };
  for (const type of ['gzip', 'estargz'] as const) {
    assert.equal(choose(type, false, small), 'zlib-deflate on libuv');
    assert.equal(choose(type, false, large), 'zlib-deflate on threads');
    for (const environment of [small, large, old]) {
      assert.equal(choose(type, true, environment), 'fflate-deflate on threads');
    }
  }
  assert.equal(choose('zstd', false, small), 'zlib-zstd on libuv');
  assert.equal(choose('zstd', false, large), 'zlib-zstd on threads');
  assert.equal(choose('zstd', false, old), 'wasm-zstd on threads');
  for (const environment of [small, large, old])
    assert.equal(choose('zstd', true, environment), 'wasm-zstd on threads');
});

test('levels outside the range of a compression are told with the range', () => {
  assert.equal(validateCompressionLevel('gzip', 0), undefined);
  assert.equal(validateCompressionLevel('estargz', 9), undefined);
  assert.equal(validateCompressionLevel('zstd', 22), undefined);
  assert.equal(validateCompressionLevel('uncompressed', 1000), undefined);
  assert.match(validateCompressionLevel('gzip', 10) ?? '', /from 0 to 9, not 10/);
  assert.match(validateCompressionLevel('zstd', 23) ?? '', /from 0 to 22, not 23/);
  assert.deepEqual(
    compressionTypes.map((type) => effectiveLevel(type, undefined)),
    [6, 6, 3, 0],
  );
  assert.equal(effectiveLevel('zstd', 0), 0);
});

test('media types name the compression that readers need', () => {
  for (const family of ['oci', 'docker'] as const) {
    for (const type of ['gzip', 'zstd', 'uncompressed'] as const) {
      if (family === 'docker' && type === 'zstd') continue;
      assert.equal(compressionOfMediaType(mediaTypeOfCompression(type, family)), type);
    }
    assert.equal(compressionOfMediaType(mediaTypeOfCompression('estargz', family)), 'gzip');
  }
  assert.equal(compressionOfMediaType('application/json'), undefined);
});
