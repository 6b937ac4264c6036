import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../oci/digest';
import { compressed, environments } from './testing/compressed';
import { sampleContent, sampleTar } from './testing/sample-content';

const tar = sampleTar([
  { name: 'a', content: sampleContent(1_500_000) },
  { name: 'b', content: sampleContent(5_000_000, 2) },
]);

/** What these versions of fflate and zstd-wasm make of the tar. A new digest means that users' layers change. */
const digests = {
  gzip: 'sha256:be738921623d7d6ba2eec5aa0414cf6782e46dad478886957b1280db13e7cbd5',
  estargz: 'sha256:d6d37c9a6b455de5d5cee154ee355851f84c2179437af22673db98ad5660da45',
  zstd: 'sha256:6114e371667492feacc1dc81fd10d4f06cb8387bd93828150f0870a91e361cd3',
} as const;

for (const type of ['gzip', 'estargz', 'zstd'] as const) {
  test(`${type}: reproducible output has the same bytes on every Node, however many cores there are`, async () => {
    for (const { name, ...environment } of environments) {
      const { bytes } = await compressed(tar, { type, reproducible: true, environment });
      assert.equal(digestOf(bytes), digests[type], name);
    }
  });

  test(`${type}: the output depends on the content only, not on the pieces in which it came`, async () => {
    const outputs = await Promise.all(
      [1_000, 65_536, 1_000_003, tar.byteLength].map((pieceBytes) => compressed(tar, { type, pieceBytes })),
    );
    assert.equal(new Set(outputs.map(({ bytes }) => digestOf(bytes))).size, 1);
  });
}

test("worker threads give the bytes of gzip that libuv's threads give", async () => {
  const outputs = await Promise.all(environments.map((environment) => compressed(tar, { type: 'gzip', environment })));
  assert.equal(new Set(outputs.map(({ bytes }) => digestOf(bytes))).size, 1);
});
