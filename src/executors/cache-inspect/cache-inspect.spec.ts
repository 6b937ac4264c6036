import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { CachesReport } from '../../cache/inspect-caches';
import { digestOf } from '../../oci/digest';
import { goldenCaches, goldenCachesOption } from '../../testing/golden-caches';
import { runCacheExport } from '../cache-export/run-cache-export';
import { CacheTaskRig } from '../testing/cache-task-rig';
import { formatAge } from './age';
import { reportPage } from './report-page';
import { formatReport } from './report-table';
import { runCacheInspect } from './run-cache-inspect';

const from = ['gzip-max', 'gzip-min'].map((tag) => `type=local,src=${goldenCaches},tag=${tag}`);

test('a table names caches, records, layers and what is shared', goldenCachesOption, async () => {
  await using rig = await CacheTaskRig.start();
  const { output, success } = await rig.run(runCacheInspect, { from });
  assert.ok(success, output);
  assert.match(output, /^CACHE +STAGE +FORM +RECORDS +RESULTS +LAYERS +SIZE/);
  assert.match(output, /manifest +16 +9 +9 /);
  assert.match(output, /share 1 layers of 1\.1 MB/);
  assert.match(output, /gzip/);
  assert.doesNotMatch(output, /#1 reading/);
});

test('JSON has everything and nothing else', goldenCachesOption, async () => {
  await using rig = await CacheTaskRig.start();
  const { output } = await rig.run(runCacheInspect, { from, format: 'json' });
  const report = JSON.parse(output) as CachesReport;
  assert.deepEqual(
    report.caches.map(({ records, results, layers }) => [records.length, results, layers]),
    [
      [16, 9, 9],
      [16, 3, 4],
    ],
  );
  assert.equal(
    report.layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    report.layerBytes,
  );
  assert.equal(report.layers[0]!.caches.length, 2);
});

test('all tags of a repository, as a page', goldenCachesOption, async () => {
  await using rig = await CacheTaskRig.start();
  const key = 'a'.repeat(24);
  for (const to of [`${rig.registry}/acme/cache:deps-${key}`, `${rig.registry}/acme/cache:main`]) {
    await rig.run(runCacheExport, { src: goldenCaches, tag: 'gzip-max', to });
  }
  const { output, success } = await rig.run(runCacheInspect, {
    from: `${rig.registry}/acme/cache`,
    allTags: true,
    format: 'html',
    outputFile: 'out/page.html',
  });
  assert.ok(success, output);
  assert.match(output, /2 caches in .*page.html\n$/);
  const page = await readFile(rig.workspace.join('out/page.html'), 'utf8');
  assert.match(page, /<td>deps<\/td>/);
  assert.equal(page.match(/<svg\s/g)?.length, 3);
  assert.doesNotMatch(page, /<script|src=|href=|url\(/);
});

const hostile = `<script>alert("1")</script>\u001b[31m&'`;
const digest = digestOf('x');
const report: CachesReport = {
  caches: [
    {
      location: hostile,
      manifest: digest,
      mediaType: hostile,
      kind: 'cache',
      form: 'manifest',
      stage: hostile,
      platform: { os: hostile, architecture: hostile },
      manifestBytes: 1,
      configBytes: 1,
      layers: 1,
      layerBytes: 1,
      ownBytes: 1,
      results: 1,
      oldest: hostile,
      newest: hostile,
      records: [
        { index: 0, digest, layers: 0, bytes: 0, inputs: [], depth: 0 },
        {
          index: 1,
          digest,
          createdAt: hostile,
          layers: 1,
          bytes: 1,
          inputs: [[{ record: 0, selector: hostile }]],
          depth: 1,
        },
      ],
    },
  ],
  layers: [
    { digest, sizeBytes: 1, mediaType: hostile, description: hostile, createdAt: hostile, caches: [0], results: 1 },
  ],
  layerBytes: 1,
  shared: [{ caches: [0, 0], layers: 1, bytes: 1 }],
};

test('names in a page are escaped, and no control character gets to a terminal', () => {
  const page = reportPage(report, 0);
  assert.doesNotMatch(page, /<script/);
  assert.doesNotMatch(page, /\u001b/);
  assert.match(page, /&lt;script&gt;alert\(&quot;1&quot;\)&lt;\/script&gt;\ufffd\[31m&amp;&#39;/);
  assert.doesNotMatch(formatReport(report, 0), /\u001b/);
});

test('a page of a huge cache stays small', () => {
  const records = Array.from({ length: 20_000 }, (_, index) => ({
    index,
    digest,
    createdAt: '2026-01-01T00:00:00Z',
    layers: 1,
    bytes: index,
    inputs: index === 0 ? [] : [[{ record: index - 1 }]],
    depth: index,
  }));
  const page = reportPage({ ...report, caches: [{ ...report.caches[0]!, records }] }, 0);
  assert.ok(page.length < 400_000, `${page.length}`);
  assert.match(page, /19760 of 20000 records are not shown/);
});

test('ages', () => {
  const now = Date.parse('2026-01-02T00:00:00Z');
  assert.equal(formatAge('2026-01-01T23:59:30.123456789Z', now), '29 s');
  assert.equal(formatAge('2025-12-25T00:00:00Z', now), '8 d');
  assert.equal(formatAge('2027-01-01T00:00:00Z', now), '0 s');
  assert.equal(formatAge('0001-01-01T00:00:00Z', now), '');
  assert.equal(formatAge(undefined, now), '');
});

test('mistakes and caches that are not there are told', async () => {
  await using rig = await CacheTaskRig.start();
  assert.match((await rig.run(runCacheInspect, {})).output, /from: error OPTION_MISSING/);
  const nowhere = await rig.run(runCacheInspect, { from: `${rig.registry}/acme/none`, outputFile: '/proc/none/page' });
  assert.match(nowhere.output, /outputFile: error OPTION_INVALID/);
  const missing = await rig.run(runCacheInspect, { from: `${rig.registry}/acme/none` });
  assert.deepEqual(missing.success, false);
  assert.match(missing.output, /error CACHE_NOT_FOUND/);
});
