import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { isCodedError } from '../diagnostics/coded-error';
import { chooseCodec } from './codec-table';
import { compressionTypes, type CompressionType } from './contract';
import { createCompressor } from './create-compressor';
import { detectFormat } from './detect-format';
import { compressed, decompressed, environments } from './testing/compressed';
import { noise, sampleContent, sampleTar } from './testing/sample-content';

const borderLevels: Readonly<Record<CompressionType, readonly (number | undefined)[]>> = {
  gzip: [undefined, 0, 1, 9],
  estargz: [undefined, 0, 1, 9],
  zstd: [undefined, 0, 1, 19, 22],
  uncompressed: [undefined, 0, 99],
};

const expectedFormat = { gzip: 'gzip', estargz: 'gzip', zstd: 'zstd', uncompressed: 'none' } as const;

/** A tar that crosses several blocks of deflate, with a file that compresses and one that does not. */
const tar = sampleTar([
  { name: 'dir/', type: 'directory', mode: 0o755 },
  { name: 'dir/code', content: sampleContent(700_000) },
  { name: 'dir/noise', content: noise(600_000) },
]);

/** What comes back: estargz has a second tar behind the first one. */
function assertComesBack(type: CompressionType, actual: Buffer, content: Buffer): void {
  if (type !== 'estargz') assert.equal(actual.byteLength, content.byteLength);
  assert.ok(actual.subarray(0, content.byteLength).equals(content));
}

for (const type of compressionTypes) {
  for (const level of borderLevels[type]) {
    for (const { name, ...environment } of environments) {
      for (const reproducible of [false, true]) {
        const title = `${type}${reproducible ? ', reproducible,' : ''} at level ${level ?? 'default'} (${name})`;
        test(`${title}: what is compressed comes back`, async () => {
          const options = { type, reproducible, environment, ...(level !== undefined && { level }) };
          const { bytes } = await compressed(tar, options);
          assert.equal(detectFormat(bytes), expectedFormat[type]);
          assertComesBack(type, await decompressed(bytes), tar);
        });
      }
    }
  }
}

for (const [type, levels] of [
  ['gzip', [-1, 10, 1.5, NaN]],
  ['estargz', [-1, 10]],
  ['zstd', [-1, 23, Infinity]],
] as const) {
  test(`${type} refuses levels that it does not know`, () => {
    for (const level of levels) {
      assert.throws(
        () => createCompressor({ type, level }),
        (error) => isCodedError(error, 'COMPRESSION_LEVEL_INVALID'),
      );
    }
  });
}

test('a higher level makes smaller output, level 0 of gzip stores', async () => {
  const content = sampleContent(1_000_000);
  const sizeOf = async (type: CompressionType, level: number): Promise<number> =>
    (await compressed(content, { type, level })).bytes.byteLength;
  assert.ok((await sizeOf('gzip', 0)) > content.byteLength);
  assert.ok((await sizeOf('gzip', 9)) < (await sizeOf('gzip', 1)));
  assert.ok((await sizeOf('zstd', 19)) < (await sizeOf('zstd', 1)));
});

test('level 0 of zstd is its default, as in its command line', async () => {
  const content = sampleContent(300_000);
  for (const { name, ...environment } of environments) {
    const [zero, usual] = await Promise.all([
      compressed(content, { type: 'zstd', level: 0, environment }),
      compressed(content, { type: 'zstd', environment }),
    ]);
    assert.ok(zero.bytes.equals(usual.bytes), name);
  }
});

for (const type of ['gzip', 'zstd'] as const) {
  const { blockBytes } = chooseCodec({ type, reproducible: false }, { parallelism: 2, nativeZstd: false });
  test(`${type}: content of any size at the borders of a block comes back`, async () => {
    for (const { name, ...environment } of environments) {
      for (const size of [0, 1, blockBytes - 1, blockBytes, blockBytes + 1, 2 * blockBytes, 2 * blockBytes + 1]) {
        const content = sampleContent(size);
        const { bytes } = await compressed(content, { type, environment, pieceBytes: 300_007 });
        assert.ok((await decompressed(bytes)).equals(content), `${name}, ${size} bytes`);
      }
    }
  });
}

test('gzip is one member, which every gzip reader takes', async () => {
  const content = sampleContent(1_300_000);
  const { bytes } = await compressed(content, { type: 'gzip' });
  assert.ok(gunzipSync(bytes).equals(content));
  assert.equal(bytes.readUInt32LE(bytes.byteLength - 4), content.byteLength, 'the trailer covers all blocks');
});

test('gzip blocks refer to the block before them', async () => {
  // Noise, repeated across the border of a block: only a dictionary finds the repetition.
  const block = noise(512 * 1024);
  const content = Buffer.concat([block, block.subarray(-16 * 1024)]);
  const { bytes } = await compressed(content, { type: 'gzip' });
  assert.ok(bytes.byteLength < block.byteLength + 4096, `${bytes.byteLength} bytes`);
});

/** A part of some content; kept as what it is made of, so that a counterexample can be read. */
const part = fc.record({
  make: fc.constantFrom('code', 'noise', 'zeros'),
  size: fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 600_000 })),
  seed: fc.nat(),
});

const makers = { code: sampleContent, noise, zeros: (size: number): Buffer => Buffer.alloc(size) } as const;

test('property: any content in any pieces comes back, from any codec', async () => {
  const options = fc.record({
    type: fc.constantFrom('gzip', 'zstd', 'uncompressed'),
    environment: fc.constantFrom(...environments),
    reproducible: fc.boolean(),
    pieceBytes: fc.integer({ min: 1000, max: 1_000_000 }),
  });
  const parts = fc.array(part, { maxLength: 6 });
  const property = fc.asyncProperty(parts, options, async (made, { pieceBytes, ...given }) => {
    const content = Buffer.concat(made.map(({ make, size, seed }) => makers[make](size, seed)));
    const { bytes } = await compressed(content, { ...given, pieceBytes });
    assert.ok((await decompressed(bytes, { pieceBytes })).equals(content));
  });
  await fc.assert(property, { numRuns: 60, endOnFailure: true });
});

test('property: any tar comes back from estargz, followed by the table of contents', async () => {
  const members = fc.uniqueArray(
    fc.record({
      name: fc.stringMatching(/^[a-z]{1,8}$/),
      size: fc.oneof(fc.constantFrom(0, 1, 511, 512, 513), fc.integer({ min: 0, max: 700_000 })),
    }),
    { maxLength: 8, selector: (member) => member.name },
  );
  const property = fc.asyncProperty(members, fc.integer({ min: 1000, max: 500_000 }), async (given, pieceBytes) => {
    const content = sampleTar(given.map(({ name, size }) => ({ name, content: sampleContent(size) })));
    const { bytes } = await compressed(content, { type: 'estargz', pieceBytes });
    assertComesBack('estargz', await decompressed(bytes, { pieceBytes }), content);
  });
  await fc.assert(property, { numRuns: 30, endOnFailure: true });
});
