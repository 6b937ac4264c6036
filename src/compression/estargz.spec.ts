import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { isCodedError } from '../diagnostics/coded-error';
import { digestOf } from '../oci/digest';
import { repositoryRoot } from '../testing/repository-root';
import { chunkBytes } from './chunked-file';
import { footerBytes, formatFooter, parseFooter } from './estargz-footer';
import { estargzAnnotations, tocName, type TocEntry } from './estargz-toc';
import { compressed, decompressed } from './testing/compressed';
import { noise, sampleContent, sampleTar, type TarSample } from './testing/sample-content';

interface Toc {
  readonly version: number;
  readonly entries: readonly TocEntry[];
}

/** Reads a blob as a lazy puller does: footer, table of contents, then single chunks. */
class EstargzReader {
  readonly tocOffset: number;
  readonly tocJson: Buffer;
  readonly toc: Toc;

  constructor(readonly blob: Buffer) {
    const offset = parseFooter(blob.subarray(-footerBytes));
    assert.ok(offset !== undefined, 'the footer is one');
    this.tocOffset = offset;
    const tocTar = gunzipSync(blob.subarray(offset, -footerBytes));
    assert.equal(tocTar.toString('latin1', 0, tocName.length), tocName);
    this.tocJson = tocTar.subarray(512, 512 + parseInt(tocTar.toString('latin1', 124, 135), 8));
    this.toc = JSON.parse(this.tocJson.toString()) as Toc;
  }

  /** A file from nothing but its own gzip members. */
  read(name: string): Buffer {
    const entries = this.toc.entries;
    const chunks = entries.filter((entry) => entry.name === name && (entry.type === 'reg' || entry.type === 'chunk'));
    const size = chunks[0]?.size ?? 0;
    const offsets = entries.flatMap(({ offset }) => (offset === undefined ? [] : [offset])).sort((a, b) => a - b);
    const parts = chunks.map(({ offset, chunkDigest, chunkOffset = 0, chunkSize = size - chunkOffset }) => {
      if (offset === undefined) return Buffer.alloc(0);
      const end = offsets.find((other) => other > offset) ?? this.tocOffset;
      const content = gunzipSync(this.blob.subarray(offset, end)).subarray(0, chunkSize);
      assert.equal(digestOf(content), chunkDigest);
      return content;
    });
    const whole = Buffer.concat(parts);
    assert.equal(digestOf(whole), chunks[0]?.digest);
    return whole;
  }
}

const files = {
  'etc/empty': Buffer.alloc(0),
  'etc/small': Buffer.from('a line\n'),
  'usr/one-chunk': sampleContent(chunkBytes),
  'usr/chunk-and-byte': noise(chunkBytes + 4),
  'usr/three-chunks': sampleContent(2 * chunkBytes + 12_345, 3),
} as const;

const members: readonly TarSample[] = [
  { name: 'etc/', type: 'directory', mode: 0o755 },
  ...Object.entries(files).map(([name, content]) => ({ name, content })),
  { name: 'etc/link', type: 'symlink', linkName: 'small', mode: 0o777 },
  { name: 'etc/hard', type: 'hardlink', linkName: 'etc/small' },
  { name: 'dev/null', type: 'char', devMajor: 1, devMinor: 3, mode: 0o666, mtimeNs: 0n },
  { name: 'owned', uid: 1000, gid: 1001, xattrs: new Map([['user.note', Buffer.from([0, 255])]]) },
  { name: 'a-very-long-name/'.repeat(12) + 'file', content: Buffer.from('long') },
];
const tar = sampleTar(members);

for (const reproducible of [false, true]) {
  const how = reproducible ? ' (reproducible)' : '';

  test(`a file can be read by its lines in the table of contents alone${how}`, async () => {
    const reader = new EstargzReader((await compressed(tar, { type: 'estargz', reproducible })).bytes);
    for (const [name, content] of Object.entries(files)) assert.ok(reader.read(name).equals(content), name);
  });

  test(`up to the table of contents the blob is the tar, and the annotations are right${how}`, async () => {
    const { bytes, annotations } = await compressed(tar, { type: 'estargz', reproducible });
    const { tocOffset, tocJson } = new EstargzReader(bytes);
    assert.ok(gunzipSync(bytes.subarray(0, tocOffset)).equals(tar));
    const everything = await decompressed(bytes);
    assert.deepEqual(annotations, {
      [estargzAnnotations.tocDigest]: digestOf(tocJson),
      [estargzAnnotations.uncompressedSize]: String(everything.byteLength),
      [estargzAnnotations.diffId]: digestOf(everything),
    });
    assert.ok(everything.subarray(0, tar.byteLength).equals(tar));
  });
}

test('the table of contents lists every member with its attributes', async () => {
  const { toc } = new EstargzReader((await compressed(tar, { type: 'estargz' })).bytes);
  assert.equal(toc.version, 1);
  assert.deepEqual(
    toc.entries.filter(({ type }) => type !== 'chunk').map(({ name }) => name),
    members.map(({ name }) => name),
  );
  const entry = (name: string): TocEntry | undefined => toc.entries.find((candidate) => candidate.name === name);
  assert.deepEqual(entry('etc/'), { name: 'etc/', type: 'dir', modtime: '2023-11-14T22:13:20Z', mode: 0o755 });
  assert.equal(entry('etc/link')?.linkName, 'small');
  assert.equal(entry('etc/hard')?.type, 'hardlink');
  assert.deepEqual(entry('dev/null'), { name: 'dev/null', type: 'char', mode: 0o666, devMajor: 1, devMinor: 3 });
  assert.deepEqual(entry('owned')?.xattrs, { 'user.note': 'AP8=' });
  assert.deepEqual([entry('owned')?.uid, entry('owned')?.gid], [1000, 1001]);
  assert.deepEqual(
    toc.entries
      .filter(({ name }) => name === 'usr/three-chunks')
      .map(({ chunkOffset, chunkSize }) => [chunkOffset, chunkSize]),
    [
      [undefined, chunkBytes],
      [chunkBytes, chunkBytes],
      [2 * chunkBytes, undefined],
    ],
  );
});

test('the footer has 51 bytes, is a gzip member of no content, and comes back', () => {
  for (const offset of [0, 1, 0xdeadbeef, Number.MAX_SAFE_INTEGER]) {
    const footer = formatFooter(offset);
    assert.equal(footer.byteLength, 51);
    assert.equal(gunzipSync(footer).byteLength, 0);
    assert.equal(parseFooter(footer), offset);
  }
  const damaged = formatFooter(5);
  damaged.write('G', 16, 'latin1');
  for (const wrong of [Buffer.alloc(51), formatFooter(1).subarray(1), damaged])
    assert.equal(parseFooter(wrong), undefined);
});

test('a tar that has a table of contents of its own is refused', async () => {
  for (const name of [tocName, `./${tocName}`, `/${tocName}`, `a/../${tocName}`]) {
    const refused = sampleTar([{ name: 'a' }, { name, content: Buffer.from('{}') }]);
    await assert.rejects(compressed(refused, { type: 'estargz' }), (error) =>
      isCodedError(error, 'ESTARGZ_TAR_UNSUPPORTED'),
    );
  }
  const elsewhere = sampleTar([{ name: `a/${tocName}`, content: Buffer.from('{}') }]);
  await compressed(elsewhere, { type: 'estargz' });
});

test('what is no tar, or is cut off, is refused', async () => {
  for (const wrong of [noise(2048), tar.subarray(0, 3000), Buffer.from('text')]) {
    await assert.rejects(compressed(wrong, { type: 'estargz' }), (error) =>
      isCodedError(error, 'ESTARGZ_TAR_UNSUPPORTED'),
    );
  }
});

const golden = join(repositoryRoot(), '../shared/golden/caches');
const skip = !existsSync(golden) && 'the golden caches are not beside this repository';

test("BuildKit's estargz layers are read, and ours say the same of the same tar", { skip }, async () => {
  const layers = readdirSync(join(golden, 'blobs/sha256'))
    .map((name) => readFileSync(join(golden, 'blobs/sha256', name)))
    .filter((bytes) => bytes.byteLength >= footerBytes && parseFooter(bytes.subarray(-footerBytes)) !== undefined);
  assert.ok(layers.length > 0);
  for (const layer of layers) {
    const theirs = new EstargzReader(layer);
    const content = gunzipSync(layer.subarray(0, theirs.tocOffset));
    const ours = new EstargzReader((await compressed(content, { type: 'estargz' })).bytes);
    const comparable = (toc: Toc): unknown => toc.entries.map((entry) => ({ ...entry, offset: undefined }));
    assert.deepEqual(comparable(ours.toc), comparable(theirs.toc));
    assert.ok((await decompressed(layer)).subarray(0, content.byteLength).equals(content));
  }
});
