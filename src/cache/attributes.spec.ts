import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../oci/digest';
import { readCacheSources, readCacheTargets } from './attributes';
import type { CacheOption } from './attribute-text';

const options = { option: 'cacheTo', workingDirectory: '/work' };
const usual = {
  mode: 'min',
  ociMediaTypes: true,
  imageManifest: true,
  compression: { type: 'gzip' },
  forceCompression: false,
  ignoreError: false,
};

function target(value: CacheOption): unknown {
  const { targets, diagnostics } = readCacheTargets([value], options);
  assert.deepEqual(diagnostics, []);
  return targets[0];
}

/** Messages and hints of a target that is refused. */
function problems(...values: CacheOption[]): readonly string[] {
  const { targets, diagnostics } = readCacheTargets(values, options);
  assert.deepEqual(targets, []);
  return diagnostics.map(({ message, hint }) => (hint === undefined ? message : `${message}; ${hint}`));
}

const acme = {
  type: 'registry',
  reference: { host: 'ghcr.io', repository: 'acme/cache', tag: 'main' },
  insecure: false,
  location: 'ghcr.io/acme/cache:main',
};

test('a registry target has a value for everything', () => {
  assert.deepEqual(target('type=registry,ref=ghcr.io/acme/cache:main'), { destination: acme, ...usual });
  assert.deepEqual(target('ghcr.io/acme/cache:main'), { destination: acme, ...usual });
  assert.deepEqual(
    target(
      'type=registry,ref=ghcr.io/acme/cache:main,mode=max,compression=zstd,compression-level=19,' +
        'force-compression=,ignore-error=1,registry.insecure=T',
    ),
    {
      ...usual,
      destination: { ...acme, insecure: true },
      mode: 'max',
      compression: { type: 'zstd', level: 19 },
      forceCompression: true,
      ignoreError: true,
    },
  );
});

test('attributes may be an object, and names are without case', () => {
  const attributes = {
    TYPE: 'registry',
    ref: 'ghcr.io/acme/cache:main',
    mode: 'max',
    'compression-level': 3,
    'ignore-error': true,
  };
  assert.deepEqual(target(attributes), {
    ...usual,
    destination: acme,
    mode: 'max',
    compression: { type: 'gzip', level: 3 },
    ignoreError: true,
  });
});

test('without OCI media types the cache is an index, as in BuildKit', () => {
  const expected = { ...usual, destination: acme, ociMediaTypes: false, imageManifest: false };
  assert.deepEqual(target('type=registry,ref=ghcr.io/acme/cache:main,oci-mediatypes=false'), expected);
});

test('a directory is found from the working directory', () => {
  assert.deepEqual(target('type=local,dest=cache/app,tag=x'), {
    ...usual,
    destination: { type: 'local', directory: '/work/cache/app', tag: 'x', location: 'cache/app:x' },
  });
  const digest = digestOf('x');
  assert.deepEqual(readCacheSources([`type=local,src=/c,digest=${digest}`], options), {
    sources: [{ type: 'local', directory: '/c', tag: 'latest', digest, location: '/c' }],
    diagnostics: [],
  });
});

test('sources: the shorthand, several at once, quoting, nothing', () => {
  const { sources, diagnostics } = readCacheSources(['a,b:1', '"type=registry","ref=c"', ''], options);
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(
    sources.map((source) => source.location),
    ['a', 'b:1', 'c'],
  );
});

const refused: readonly (readonly [CacheOption, ...string[]])[] = [
  [
    'type=registry,ref=a,image_manifest=true',
    '"image_manifest" is no attribute of a cache target of type=registry; did you mean "image-manifest"?',
  ],
  ['type=registry,ref=a,mode=Max', '"Max" is no value of mode; did you mean "mode=max"?'],
  ['type=registry,ref=a,mode=all', '"all" is no value of mode; it is one of min, max'],
  ['type=registry,ref=a,compression=zst', '"zst" is no value of compression; did you mean "compression=zstd"?'],
  [
    'type=registry,ref=a,compression-level=10',
    'the level of gzip is a whole number from 0 to 9, not 10; leave it out for the usual one',
  ],
  ['type=registry,ref=a,compression-level=fast', '"fast" is no value of compression-level; it is a whole number'],
  ['type=registry,ref=a,ignore-error=yes', '"yes" is no value of ignore-error; it is true or false'],
  [
    'type=registry,ref=a,oci-mediatypes=false,image-manifest=true',
    'image-manifest=true needs oci-mediatypes=true; leave out one of them',
  ],
  [
    'type=registry,ref=a,oci-mediatypes=false,compression=estargz',
    'compression=estargz needs oci-mediatypes=true; leave out oci-mediatypes, or use compression=gzip',
  ],
  ['type=registry', 'a registry cache needs ref=…'],
  ['ref=a', 'a cache needs type=…; write type=registry,ref=…'],
  ['type=registri,ref=a', '"registri" is no value of type; did you mean "type=registry"?'],
  ['type=gha', 'type=gha is a cache that only buildx has; use type=registry or type=local'],
  ['type=registry,ref=a,ref=b', '"ref" is given twice; keep one of them'],
  ['type=registry,a', '"a" is no name=value; a reference is written ref=a', 'a registry cache needs ref=…'],
  ['type=registry,ref="a', 'a quote inside a field that does not begin with one'],
  [`type=registry,ref=a@${digestOf('x')}`, 'a cache cannot be written to a digest; give a tag'],
];

for (const [value, ...messages] of refused) {
  test(`refuses ${JSON.stringify(value)}`, () => {
    assert.deepEqual(
      problems(value).filter((message) => messages.includes(message)),
      messages,
    );
  });
}

const tolerated: readonly (readonly [CacheOption, code: string, becomes: Readonly<Record<string, unknown>>])[] = [
  ['type=registry,ref=ghcr.io/acme/cache:main,image_manifest=true', 'CACHE_UNKNOWN_ATTRIBUTE', {}],
  ['type=registry,ref=ghcr.io/acme/cache:main,src=x', 'CACHE_UNKNOWN_ATTRIBUTE', {}],
  ['type=registry,ref=ghcr.io/acme/cache:main,mode=MAX', 'CACHE_BAD_VALUE', { mode: 'min' }],
  ['type=registry,ref=ghcr.io/acme/cache:main,ignore-error=yes', 'CACHE_BAD_VALUE', { ignoreError: false }],
  [
    'type=registry,ref=ghcr.io/acme/cache:main,compression=zstd,compression-level=99',
    'CACHE_BAD_VALUE',
    { compression: { type: 'zstd', level: 22 } },
  ],
  ['type=registry,ref=ghcr.io/acme/cache:main,compression-level=-1', 'CACHE_BAD_VALUE', {}],
  [
    'type=registry,ref=ghcr.io/acme/cache:main,oci-mediatypes=false,image-manifest=true',
    'CACHE_CONFLICT',
    { ociMediaTypes: false, imageManifest: true },
  ],
  ['type=inline,mode=max', 'CACHE_CONFLICT', { destination: { type: 'inline', location: 'inline' }, mode: 'max' }],
];

for (const [value, code, becomes] of tolerated) {
  test(`without strict, ${JSON.stringify(value)} is a warning and what BuildKit makes of it`, () => {
    const { targets, diagnostics } = readCacheTargets([value], { ...options, strict: false });
    assert.deepEqual(
      diagnostics.map((diagnostic) => [diagnostic.code, diagnostic.severity]),
      [[code, 'warning']],
    );
    assert.deepEqual(targets, [{ ...usual, destination: acme, ...becomes }]);
    const { targets: strictly, diagnostics: errors } = readCacheTargets([value], options);
    assert.deepEqual([strictly, errors.map(({ severity }) => severity)], [[], ['error']]);
  });
}

test('what BuildKit refuses is an error without strict, too', () => {
  for (const wrong of ['oci-mediatypes=yes', 'compression=lz4', 'compression-level=fast', 'registry.insecure=maybe']) {
    const { targets, diagnostics } = readCacheTargets([`type=registry,ref=a,${wrong}`], { ...options, strict: false });
    assert.deepEqual([targets, diagnostics.map(({ severity }) => severity)], [[], ['error']], wrong);
  }
});

test('attributes of a target are none of a source', () => {
  const { sources, diagnostics } = readCacheSources(['type=registry,ref=a,mode=max'], {
    ...options,
    option: 'cacheFrom',
  });
  assert.deepEqual(sources, []);
  assert.deepEqual(
    diagnostics.map(({ message, hint }) => `${message}; ${hint}`),
    [
      '"mode" is no attribute of a cache source of type=registry; mode=… belongs to the cache\'s target (cacheTo), not to its source',
    ],
  );
  const lenient = readCacheSources(['type=registry,ref=a,mode=max'], { ...options, strict: false });
  assert.deepEqual([lenient.sources.length, lenient.diagnostics[0]?.severity], [1, 'warning']);
});

test('one place may be written only once', () => {
  for (const twice of [
    ['ghcr.io/acme/cache', 'type=registry,ref=ghcr.io/acme/cache:latest,mode=max'],
    ['type=local,dest=a', 'type=local,dest=./a/'],
    ['type=inline', 'type=inline'],
  ]) {
    const { targets, diagnostics } = readCacheTargets(twice, options);
    assert.equal(targets.length, 1);
    assert.match(diagnostics[0]?.message ?? '', /is written by cacheTo\[0\] already/);
    assert.equal(readCacheTargets(twice, { ...options, strict: false }).targets.length, 2);
  }
});

test('an inline cache is a target, and the image that has it the source', () => {
  assert.deepEqual(target('type=inline'), { ...usual, destination: { type: 'inline', location: 'inline' } });
  const { diagnostics } = readCacheSources(['type=inline'], options);
  assert.match(diagnostics[0]?.hint ?? '', /type=registry/);
});

test('everything that is wrong is told at once, each with the place it stands at', () => {
  const { diagnostics } = readCacheTargets(['type=registry,mode=x,compresion=zstd', 'type=s3'], options);
  assert.deepEqual(
    diagnostics.map(({ code, location }) => `${location?.file ?? ''} ${code}`),
    [
      'cacheTo[0] CACHE_UNKNOWN_ATTRIBUTE',
      'cacheTo[0] CACHE_MISSING_ATTRIBUTE',
      'cacheTo[0] CACHE_BAD_VALUE',
      'cacheTo[1] CACHE_BAD_VALUE',
    ],
  );
});
