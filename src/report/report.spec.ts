import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BuildOutcome, BuildRequest } from '../engine/contract';
import { digestOf } from '../oci/digest';
import { parseReference } from '../oci/reference';
import { buildMetadata, writeMetadataFile } from './metadata';
import { createRedactor } from './redactor';
import { formatSummary } from './summary';

const image = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf('image'), size: 7 };
const cacheManifest = { ...image, digest: digestOf('cache') };

const outcome: BuildOutcome = {
  image,
  config: {
    digest: digestOf('config'),
    value: { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } },
  },
  steps: [
    {
      vertex: digestOf('1'),
      name: '[deps 1/2] COPY package.json ./',
      stage: 'deps',
      outcome: 'hit',
      source: 'localhost:5000/cache:api',
      durationMs: 12,
      bytes: 1536,
    },
    {
      vertex: digestOf('2'),
      name: '[build 1/1] RUN make',
      stage: 'build',
      outcome: 'executed',
      durationMs: 61_000,
      bytes: 0,
    },
    { vertex: digestOf('4'), name: '[internal] load build context', outcome: 'executed', durationMs: 40, bytes: 0 },
    {
      vertex: digestOf('3'),
      name: '[test 1/1] RUN test',
      stage: 'test',
      outcome: 'not-needed',
      durationMs: 0,
      bytes: 0,
    },
  ],
  cacheExports: [
    {
      location: 'localhost:5000/cache:api',
      manifest: cacheManifest,
      layers: 3,
      bytesSent: 2_500_000,
      bytesSkipped: 100,
      durationMs: 700,
    },
    {
      location: 'localhost:5000/cache:other',
      layers: 0,
      bytesSent: 0,
      bytesSkipped: 0,
      durationMs: 1,
      error: 'denied',
    },
  ],
  warnings: [{ kind: 'warning', code: 'CACHE', message: 'stale' }],
  metadata: { 'buildx.build.ref': 'x' },
};

test('the summary shows each needed step, the exports and the totals', () => {
  assert.equal(
    formatSummary(outcome),
    [
      'STEP                             RESULT  FROM                       BYTES   TIME',
      '[deps 1/2] COPY package.json ./  hit     localhost:5000/cache:api  1.5 kB   0.0s',
      '[build 1/1] RUN make             run                                       1m01s',
      '[internal] load build context    read                                       0.0s',
      'cache export to localhost:5000/cache:api: 3 layers, 2.5 MB sent, 100 B there already, 0.7s',
      'cache export to localhost:5000/cache:other failed and was ignored: denied',
      'cache: 1 of 2 steps were hits, 1.5 kB downloaded, 2.5 MB of cache sent',
      `image: ${image.digest}`,
    ].join('\n'),
  );
});

test('on a narrow terminal, names give way and the rest stays', () => {
  const lines = formatSummary(outcome, { maxCharacters: 60 }).split('\n').slice(0, 4);
  assert.deepEqual(lines, [
    'STEP               RESULT  FROM                 BYTES   TIME',
    '[deps 1/2] COPY …  hit     localhost:5000/ca…  1.5 kB   0.0s',
    '[build 1/1] RUN …  run                                 1m01s',
    '[internal] load …  read                                 0.0s',
  ]);
  const wide = formatSummary(outcome, { maxCharacters: 200 });
  assert.equal(wide, formatSummary(outcome));
});

test('the metadata has the keys of buildx and ours', () => {
  const request = {
    tags: [parseReference('localhost:5000/acme/api:1'), parseReference('acme/api:1')],
  } as unknown as BuildRequest;
  const metadata = buildMetadata(request, outcome);
  assert.deepEqual(Object.keys(metadata), [
    'buildx.build.ref',
    'cache.manifest',
    'containerimage.config.digest',
    'containerimage.descriptor',
    'containerimage.digest',
    'image.name',
    'nx-registry-cache',
  ]);
  assert.equal(metadata['containerimage.digest'], image.digest);
  assert.equal(metadata['image.name'], 'localhost:5000/acme/api:1,docker.io/acme/api:1');
  assert.deepEqual(metadata['cache.manifest'], cacheManifest);
});

test('the metadata file appears as a whole and leaves nothing beside it', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'nxrc-metadata-'));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'deep', 'metadata.json');
  await writeMetadataFile(path, { a: 1 });
  await writeMetadataFile(path, { a: 2 });
  assert.deepEqual(JSON.parse(await readFile(path, 'utf8')), { a: 2 });
  assert.deepEqual(await readdir(join(directory, 'deep')), ['metadata.json']);
});

test('secrets are hidden as a whole, by line and in base64, and short words are left alone', () => {
  const redact = createRedactor(['hunter2\n', Buffer.from('-----KEY\nabcdefgh\n-----END'), 'on']);
  assert.equal(redact('it is hunter2.'), 'it is ***.');
  assert.equal(redact('abcdefgh'), '***');
  assert.equal(redact('turned on'), 'turned on');
  assert.equal(redact(Buffer.from('hunter2').toString('base64')), '***');
});

test('what looks like a pattern in a secret is taken literally', () => {
  assert.equal(createRedactor(['a.*+b$'])('x a.*+b$ axxb'), 'x *** axxb');
});
