import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isCodedError } from '../diagnostics/coded-error';
import type { Descriptor } from './descriptor';
import { digestOf } from './digest';
import {
  childrenOf,
  maxManifestBytes,
  parseImageIndex,
  parseImageManifest,
  parseManifest,
  serializeManifest,
  type ImageManifest,
  type Manifest,
} from './manifest';
import { mediaTypes } from './media-types';

const blob = (text: string, mediaType: string = mediaTypes.ociLayerGzip): Descriptor => ({
  mediaType,
  digest: digestOf(text),
  size: text.length,
});

const manifest: ImageManifest = {
  kind: 'manifest',
  mediaType: mediaTypes.ociManifest,
  config: blob('config', mediaTypes.ociConfig),
  layers: [blob('one'), blob('two')],
};

/** The manifest's JSON with some fields replaced; undefined removes one. */
function variant(change: Readonly<Record<string, unknown>>): Buffer {
  const document = JSON.parse(serializeManifest(manifest).toString()) as Record<string, unknown>;
  return Buffer.from(JSON.stringify({ ...document, ...change }));
}

const descriptor = { ...manifest.config };

const refused: readonly (readonly [name: string, bytes: Buffer, reason: RegExp])[] = [
  ['manifest and index at once', variant({ manifests: [] }), /at once/],
  ['an index with a config', variant({ layers: undefined, manifests: [] }), /at once/],
  ['a media type of an index', variant({ mediaType: mediaTypes.ociIndex }), /does not fit/],
  ['an unknown media type', variant({ mediaType: 'text/plain' }), /does not fit/],
  ['a media type that is a number', variant({ mediaType: 7 }), /not a string/],
  ['schema 1', variant({ schemaVersion: 1 }), /obsolete schema 1/],
  ['no schema', variant({ schemaVersion: undefined }), /not 2/],
  ['a missing config', variant({ config: undefined }), /config is not an object/],
  ['layers in another case', variant({ Layers: [] }), /another case than "layers"/],
  ['a size in another case', variant({ config: { ...descriptor, SIZE: 1 } }), /another case than "size"/],
  ['layers that are no array', variant({ layers: {} }), /not an array/],
  ['a layer that is null', variant({ layers: [null] }), /layers\[0\] is not an object/],
  ['a negative size', variant({ config: { ...descriptor, size: -1 } }), /whole number/],
  ['a fractional size', variant({ config: { ...descriptor, size: 1.5 } }), /whole number/],
  ['an unsafe size', variant({ config: { ...descriptor, size: 2 ** 53 } }), /whole number/],
  ['a size that is text', variant({ config: { ...descriptor, size: '1' } }), /whole number/],
  ['a digest with a path', variant({ config: { ...descriptor, digest: 'sha256:../../etc/passwd' } }), /digest/],
  ['a digest in upper case', variant({ config: { ...descriptor, digest: descriptor.digest.toUpperCase() } }), /digest/],
  [
    'a digest one digit short',
    variant({ config: { ...descriptor, digest: descriptor.digest.slice(0, -1) } }),
    /digest/,
  ],
  ['annotations that are no strings', variant({ annotations: { a: 1 } }), /map of strings/],
  ['annotations that are an array', variant({ annotations: ['a'] }), /not an object/],
  ['a prototype key', Buffer.from('{"schemaVersion":2,"__proto__":{"config":1}}'), /__proto__/],
  ['a doubled key', Buffer.from('{"schemaVersion":2,"layers":[],"layers":[]}'), /stands twice/],
  ['text', Buffer.from('<html>'), /not JSON/],
  ['an array', Buffer.from('[]'), /not an object/],
  ['too many bytes', Buffer.alloc(maxManifestBytes + 1, 0x20), /more than/],
];

for (const [name, bytes, reason] of refused) {
  test(`a manifest with ${name} is refused`, () => {
    assert.throws(
      () => parseManifest(bytes),
      (error) => isCodedError(error, 'MANIFEST_INVALID') && reason.test(error.detail.reason),
    );
  });
}

test('a manifest must have the type that it was served with', () => {
  const bytes = serializeManifest(manifest);
  assert.deepEqual(parseManifest(bytes, mediaTypes.ociManifest), manifest);
  assert.throws(() => parseManifest(bytes, mediaTypes.dockerManifest), /content type/);
});

test('without a media type the shape decides', () => {
  assert.equal(parseManifest(variant({ mediaType: undefined })).mediaType, mediaTypes.ociManifest);
  assert.equal(parseManifest(Buffer.from('{"schemaVersion":2,"manifests":null}')).mediaType, mediaTypes.ociIndex);
});

test('a caller that needs one kind is not given the other', () => {
  const index: Manifest = { kind: 'index', mediaType: mediaTypes.dockerIndex, manifests: [manifest.config] };
  assert.deepEqual(parseImageIndex(serializeManifest(index)), index);
  assert.throws(() => parseImageManifest(serializeManifest(index)), /is an index/);
  assert.throws(() => parseImageIndex(serializeManifest(manifest)), /is an image manifest/);
});

test('the children of a manifest are its config and layers, of an index its manifests', () => {
  assert.deepEqual(childrenOf(manifest), [manifest.config, ...manifest.layers]);
  const index: Manifest = { kind: 'index', mediaType: mediaTypes.ociIndex, manifests: manifest.layers };
  assert.deepEqual(childrenOf(index), manifest.layers);
});

test('a manifest that registries need not take is not written', () => {
  const annotations = { note: 'x'.repeat(maxManifestBytes) };
  assert.throws(
    () => serializeManifest({ ...manifest, annotations }),
    (error) => isCodedError(error, 'MANIFEST_INVALID'),
  );
});

const text = fc.string({ maxLength: 12 });
const annotations = fc.dictionary(
  text.filter((key) => key !== '__proto__'),
  text,
  { noNullPrototype: true },
);
const descriptors: fc.Arbitrary<Descriptor> = fc
  .record(
    {
      mediaType: fc.constantFrom(...Object.values(mediaTypes)),
      digest: fc
        .tuple(text, fc.constantFrom('sha256' as const, 'sha512' as const))
        .map(([data, name]) => digestOf(data, name)),
      size: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
      annotations,
      platform: fc.record(
        { os: text, architecture: text, variant: text },
        { requiredKeys: ['os', 'architecture'], noNullPrototype: true },
      ),
      artifactType: text,
      urls: fc.array(text, { maxLength: 2 }),
      data: text,
    },
    { requiredKeys: ['mediaType', 'digest', 'size'], noNullPrototype: true },
  )
  .map((record) => record as Descriptor);
const list = fc.array(descriptors, { maxLength: 4 });
const extras = fc.record(
  { artifactType: text, annotations, subject: descriptors },
  { requiredKeys: [], noNullPrototype: true },
);
const manifests: fc.Arbitrary<Manifest> = fc.oneof(
  fc
    .tuple(fc.constantFrom(mediaTypes.ociManifest, mediaTypes.dockerManifest), descriptors, list, extras)
    .map(([mediaType, config, layers, rest]) => ({ kind: 'manifest' as const, mediaType, config, layers, ...rest })),
  fc
    .tuple(fc.constantFrom(mediaTypes.ociIndex, mediaTypes.dockerIndex), list, extras)
    .map(([mediaType, children, rest]) => ({ kind: 'index' as const, mediaType, manifests: children, ...rest })),
);

test('every manifest survives writing and reading, and equal ones have equal bytes', () => {
  fc.assert(
    fc.property(manifests, (original) => {
      const bytes = serializeManifest(original);
      const parsed = parseManifest(bytes, original.mediaType);
      assert.deepEqual(parsed, original);
      assert.deepEqual(serializeManifest(parsed), bytes);
    }),
  );
});

test('any JSON is either a manifest or refused with the one code', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (layers, config) => {
      try {
        parseManifest(variant({ layers, config }));
      } catch (error) {
        assert.ok(isCodedError(error, 'MANIFEST_INVALID'));
      }
    }),
  );
});
