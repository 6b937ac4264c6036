import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { deflateWithFflate } from './fflate-deflate';
import { noise, sampleContent } from './testing/sample-content';

const dictionaryBytes = 32 * 1024;

/** Content as one deflate stream of several blocks, as it is put together for a gzip member. */
function deflateInBlocks(blocks: readonly Buffer[], level: number): Buffer {
  const output = blocks.map((data, index) => {
    const dictionary = blocks[index - 1]?.subarray(-dictionaryBytes);
    const last = index === blocks.length - 1;
    return deflateWithFflate({ level, data, last, ...(dictionary !== undefined && { dictionary }) });
  });
  return Buffer.concat(output);
}

for (const level of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) {
  test(`level ${level}: blocks make one stream, at whatever bit each of them ends`, () => {
    // Sizes that differ by a byte give ends at every bit position.
    for (let size = 0; size < 200; size++) {
      const blocks = [sampleContent(size, 7), noise(size * 4), Buffer.alloc(size, 1), sampleContent(size, size + 1)];
      const output = deflateInBlocks(blocks, level);
      assert.ok(inflateRawSync(output).equals(Buffer.concat(blocks)), `${size} bytes`);
    }
  });

  test(`level ${level}: large blocks make one stream`, () => {
    const blocks = [sampleContent(524_288), noise(524_288), sampleContent(100_000, 3), Buffer.alloc(300_000)];
    assert.ok(inflateRawSync(deflateInBlocks(blocks, level)).equals(Buffer.concat(blocks)));
  });
}

test('property: any blocks make one stream', () => {
  const block = fc.oneof(
    fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
    fc.uint8Array({ maxLength: 50, max: 3 }).map((bytes) => Buffer.from(bytes)),
    fc.integer({ min: 0, max: 200_000 }).map((size) => sampleContent(size, size)),
  );
  const property = fc.property(
    fc.array(block, { minLength: 1, maxLength: 5 }),
    fc.integer({ min: 0, max: 9 }),
    (blocks, level) => {
      assert.ok(inflateRawSync(deflateInBlocks(blocks, level)).equals(Buffer.concat(blocks)));
    },
  );
  fc.assert(property, { numRuns: 200, endOnFailure: true });
});

test('a repetition across the border of two blocks is found', () => {
  const block = noise(100_000);
  const repeated = deflateInBlocks([block, block.subarray(-20_000)], 6);
  assert.ok(repeated.byteLength < block.byteLength + 2000, `${repeated.byteLength} bytes`);
});
